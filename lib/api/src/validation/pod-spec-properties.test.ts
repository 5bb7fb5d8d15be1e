import fc from 'fast-check';
import { defaultPodSpecOfPod, defaultPodTemplateSpec } from '../defaults/pod-spec.ts';
import type { PodSpec } from '../types.ts';
import { type FieldError, fieldErrorText } from './field-error.ts';
import { validatePodSpec } from './pod-spec.ts';

/** Anything that a decoder could let through: the right fields with odd values, most of them missing. */
function anySpec(): fc.Arbitrary<PodSpec> {
  const text = fc.constantFrom('', 'a', 'A b', 'x'.repeat(70), '10.0.0.1', '..', '/a', 'Always', 'None', 'Localhost');
  const number = fc.constantFrom(-1, 0, 1, 80, 70000, 2 ** 40);
  const amounts = fc.dictionary(
    fc.constantFrom('cpu', 'memory', 'hugepages-2Mi', 'a.b/c', ''),
    fc.constantFrom('', '1', '-1', 'x', '1.5Gi'),
  );
  const maybe = <T>(what: fc.Arbitrary<T>) => fc.option(what, { nil: undefined });
  const list = <T>(what: fc.Arbitrary<T>) => maybe(fc.array(what, { maxLength: 2 }));
  const record = (fields: Record<string, fc.Arbitrary<unknown>>) => fc.record(fields, { requiredKeys: [] });
  const port = fc.oneof(number, text);
  const handler = {
    exec: record({ command: list(text) }),
    httpGet: record({ port, path: text, scheme: text, httpHeaders: list(record({ name: text })) }),
    tcpSocket: record({ port }),
    grpc: record({ port: number }),
  };
  const probe = record({ ...handler, successThreshold: number, terminationGracePeriodSeconds: number });
  const selector = record({
    matchLabels: fc.dictionary(text, text),
    matchExpressions: list(record({ key: text, operator: text, values: list(text) })),
  });
  const security = record({
    runAsUser: number,
    seccompProfile: record({ type: text, localhostProfile: text }),
    appArmorProfile: record({ type: text }),
    capabilities: record({ add: list(text) }),
    allowPrivilegeEscalation: fc.boolean(),
    privileged: fc.boolean(),
    procMount: text,
  });
  const aContainer = record({
    name: text,
    image: text,
    ports: list(record({ name: text, containerPort: number, hostPort: number })),
    env: list(
      record({
        name: text,
        value: text,
        valueFrom: record({
          fieldRef: record({ fieldPath: text }),
          resourceFieldRef: record({ resource: text, divisor: text }),
          configMapKeyRef: record({ name: text }),
        }),
      }),
    ),
    envFrom: list(record({ configMapRef: record({}), secretRef: record({ name: text }) })),
    volumeMounts: list(
      record({ name: text, mountPath: text, subPath: text, mountPropagation: text, recursiveReadOnly: text }),
    ),
    volumeDevices: list(record({ name: text })),
    resources: record({ limits: amounts, requests: amounts, claims: list(record({ name: text })) }),
    livenessProbe: probe,
    startupProbe: probe,
    readinessProbe: probe,
    lifecycle: record({ preStop: record({ ...handler, sleep: record({ seconds: number }) }) }),
    securityContext: security,
    restartPolicy: text,
    resizePolicy: list(record({ resourceName: text })),
    targetContainerName: text,
  });
  const file = record({
    path: text,
    fieldRef: record({ fieldPath: text }),
    resourceFieldRef: record({ resource: text }),
    mode: number,
  });
  const keys = record({
    name: text,
    secretName: text,
    items: list(record({ key: text, path: text, mode: number })),
    defaultMode: number,
  });
  const volume = record({
    name: text,
    emptyDir: record({ sizeLimit: text }),
    hostPath: record({ path: text, type: text }),
    secret: keys,
    configMap: keys,
    image: record({ reference: text }),
    downwardAPI: record({ items: list(file) }),
    ephemeral: record({ volumeClaimTemplate: record({}) }),
    csi: record({ driver: text }),
    nfs: record({ path: text }),
    projected: record({
      sources: list(
        record({
          secret: keys,
          serviceAccountToken: record({ path: text }),
          downwardAPI: record({ items: list(file) }),
          clusterTrustBundle: record({ path: text }),
        }),
      ),
    }),
  });
  const term = record({
    topologyKey: text,
    labelSelector: selector,
    namespaces: list(text),
    matchLabelKeys: list(text),
  });
  const nodeTerm = record({
    matchExpressions: list(record({ key: text, operator: text, values: list(text) })),
    matchFields: list(record({ key: text, operator: text, values: list(text) })),
  });
  return record({
    containers: list(aContainer),
    initContainers: list(aContainer),
    ephemeralContainers: list(aContainer),
    volumes: list(volume),
    resources: record({ limits: amounts, requests: amounts }),
    restartPolicy: text,
    dnsPolicy: text,
    dnsConfig: record({ nameservers: list(text), searches: list(text), options: list(record({})) }),
    nodeSelector: fc.dictionary(text, text),
    hostNetwork: fc.boolean(),
    hostUsers: fc.boolean(),
    hostAliases: list(record({ ip: text, hostnames: list(text) })),
    overhead: amounts,
    nodeName: text,
    os: record({ name: text }),
    securityContext: record({
      sysctls: list(record({ name: text })),
      fsGroup: number,
      supplementalGroups: list(number),
    }),
    tolerations: list(record({ key: text, operator: text, effect: text, tolerationSeconds: number })),
    topologySpreadConstraints: list(
      record({
        maxSkew: number,
        topologyKey: text,
        minDomains: number,
        labelSelector: selector,
        matchLabelKeys: list(text),
      }),
    ),
    schedulingGates: list(record({ name: text })),
    resourceClaims: list(record({ name: text })),
    affinity: record({
      nodeAffinity: record({
        requiredDuringSchedulingIgnoredDuringExecution: record({ nodeSelectorTerms: list(nodeTerm) }),
        preferredDuringSchedulingIgnoredDuringExecution: list(record({ weight: number, preference: nodeTerm })),
      }),
      podAffinity: record({
        requiredDuringSchedulingIgnoredDuringExecution: list(term),
        preferredDuringSchedulingIgnoredDuringExecution: list(record({ weight: number, podAffinityTerm: term })),
      }),
    }),
  }) as fc.Arbitrary<PodSpec>;
}

describe('any decoded spec', () => {
  it('is defaulted once and for all, and judged without a throw', () => {
    fc.assert(
      fc.property(anySpec(), fc.boolean(), (given, isPod) => {
        const fill = isPod ? defaultPodSpecOfPod : defaultPodTemplateSpec;
        const once = structuredClone(given);
        fill(once);
        const twice = structuredClone(once);
        fill(twice);
        expect(twice).toEqual(once);
        const errors: FieldError[] = [];
        validatePodSpec(errors, twice, 'spec', { isPod });
        for (const error of errors) expect(fieldErrorText(error)).toMatch(/^spec\..+: /);
      }),
      { numRuns: 300 },
    );
  });
});
