import { defaultPodSpecOfPod, defaultPodTemplateSpec } from '../defaults/pod-spec.ts';
import { podQosClass } from '../defaults/pod-qos.ts';
import type { Container, PodSpec } from '../types.ts';
import { type FieldError, fieldErrorText } from './field-error.ts';
import { validatePodSpec } from './pod-spec.ts';
import { typicalPodSpec } from './pod-spec.fixture.ts';
import { podSpecWarnings } from './pod-warnings.ts';

const container = (more: Partial<Container> = {}): Container => ({ name: 'a', image: 'img:1', ...more });
const spec = (more: Partial<PodSpec> = {}): PodSpec => ({ containers: [container()], ...more });
const withContainer = (more: Partial<Container>): PodSpec => spec({ containers: [container(more)] });

function errorsOf(given: PodSpec, isPod = true): string[] {
  const copy = structuredClone(given);
  if (isPod) defaultPodSpecOfPod(copy);
  else defaultPodTemplateSpec(copy);
  const errors: FieldError[] = [];
  validatePodSpec(errors, copy, 'spec', { isPod, podName: 'web' });
  return errors.map(fieldErrorText);
}

describe('validatePodSpec', () => {
  it('finds nothing wrong with an everyday pod', () => {
    expect(errorsOf(typicalPodSpec())).toEqual([]);
  });

  it.each<[string, PodSpec, string[]]>([
    ['no containers', { containers: [] }, ['spec.containers: Required value']],
    ['no image', withContainer({ image: undefined }), ['spec.containers[0].image: Required value']],
    ['no name', withContainer({ name: '' }), ['spec.containers[0].name: Required value']],
    [
      'an image with a space',
      withContainer({ image: ' x' }),
      ['spec.containers[0].image: Invalid value: " x": must not have leading or trailing whitespace'],
    ],
    [
      'two containers of one name',
      spec({ containers: [container(), container()] }),
      ['spec.containers[1].name: Duplicate value: "a"'],
    ],
    [
      'an init container of the same name',
      spec({ initContainers: [container()] }),
      ['spec.initContainers[0].name: Duplicate value: "a"'],
    ],
    [
      'a pull policy that is none',
      withContainer({ imagePullPolicy: 'Sometimes' }),
      [
        'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
      ],
    ],
    [
      'a restart policy that is none',
      spec({ restartPolicy: 'Maybe' }),
      ['spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"'],
    ],
    [
      'a mount without a volume',
      withContainer({ volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
      ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
    ],
    [
      'two mounts at one place',
      spec({
        volumes: [{ name: 'v', emptyDir: {} }],
        containers: [
          container({
            volumeMounts: [
              { name: 'v', mountPath: '/v' },
              { name: 'v', mountPath: '/v' },
            ],
          }),
        ],
      }),
      ['spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/v": must be unique'],
    ],
    [
      'a volume of two types',
      spec({ volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/' } }] }),
      ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
    ],
    [
      'two volumes of one name',
      spec({
        volumes: [
          { name: 'v', emptyDir: {} },
          { name: 'v', emptyDir: {} },
        ],
      }),
      ['spec.volumes[1].name: Duplicate value: "v"'],
    ],
    [
      'a host path with steps back',
      spec({ volumes: [{ name: 'v', hostPath: { path: '/a/../b' } }] }),
      [`spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain '..'`],
    ],
    [
      'a file out of its volume',
      spec({ volumes: [{ name: 'v', configMap: { name: 'c', items: [{ key: 'k', path: '/x' }] } }] }),
      ['spec.volumes[0].configMap.items[0].path: Invalid value: "/x": must be a relative path'],
    ],
    [
      'a token that lives too short',
      spec({
        serviceAccountName: 'default',
        volumes: [
          { name: 'v', projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 60 } }] } },
        ],
      }),
      [
        'spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes',
      ],
    ],
    [
      'requests above limits',
      withContainer({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }),
      ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
    ],
    [
      'a negative amount',
      withContainer({ resources: { requests: { memory: '-1Mi' } } }),
      ['spec.containers[0].resources.requests[memory]: Invalid value: "-1Mi": must be greater than or equal to 0'],
    ],
    [
      'a resource that is none',
      withContainer({ resources: { limits: { gpu: '1' } } }),
      [
        'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers',
        'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers',
      ],
    ],
    [
      'an extended resource by halves',
      withContainer({ resources: { limits: { 'example.com/gpu': '500m' } } }),
      [
        'spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer',
        'spec.containers[0].resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer',
      ],
    ],
    [
      'huge pages alone',
      withContainer({ resources: { limits: { 'hugepages-2Mi': '2Mi' } } }),
      ['spec.containers[0].resources: Forbidden: HugePages require cpu or memory'],
    ],
    [
      'huge pages by halves',
      withContainer({ resources: { limits: { cpu: '1', 'hugepages-2Mi': '3Mi' } } }),
      [
        'spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
        'spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
      ],
    ],
    [
      'a port out of range',
      withContainer({ ports: [{ containerPort: 70000 }] }),
      ['spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive'],
    ],
    [
      'two ports of one name',
      withContainer({
        ports: [
          { name: 'http', containerPort: 80 },
          { name: 'http', containerPort: 81 },
        ],
      }),
      ['spec.containers[0].ports[1].name: Duplicate value: "http"'],
    ],
    [
      'one host port twice',
      withContainer({
        ports: [
          { containerPort: 80, hostPort: 80 },
          { containerPort: 81, hostPort: 80 },
        ],
      }),
      ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"'],
    ],
    [
      'a variable with two sources',
      withContainer({ env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }),
      ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
    ],
    [
      'a field that is none',
      withContainer({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.foo' } } }] }),
      [
        'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.foo": error converting fieldPath: field label not supported: spec.foo',
      ],
    ],
    [
      'a field that is not for variables',
      withContainer({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.phase' } } }] }),
      [
        'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "status.phase": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
      ],
    ],
    [
      'a probe with two handlers',
      withContainer({ livenessProbe: { exec: { command: ['true'] }, tcpSocket: { port: 80 } } }),
      ['spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type'],
    ],
    [
      'a probe without handler',
      withContainer({ readinessProbe: {} }),
      ['spec.containers[0].readinessProbe: Required value: must specify a handler type'],
    ],
    [
      'a liveness probe that needs two successes',
      withContainer({ livenessProbe: { tcpSocket: { port: 80 }, successThreshold: 2 } }),
      ['spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'],
    ],
    [
      'a probe of an init container',
      spec({ initContainers: [container({ name: 'i', livenessProbe: { tcpSocket: { port: 80 } } })] }),
      [
        'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
      ],
    ],
    [
      'an init container with a policy that there is not',
      spec({ initContainers: [container({ name: 'i', restartPolicy: 'Maybe' })] }),
      [
        'spec.initContainers[0].restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
      ],
    ],
    [
      'restart rules without a policy, of no known kind',
      withContainer({
        restartPolicyRules: [
          { action: 'RestartAllContainers', exitCodes: { operator: 'Is', values: [] } },
          { action: 'Restart' },
        ],
      }),
      [
        'spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used',
        'spec.containers[0].restartPolicyRules[0].action: Unsupported value: "RestartAllContainers": supported values: "Restart"',
        'spec.containers[0].restartPolicyRules[0].exitCodes.operator: Unsupported value: "Is": supported values: "In", "NotIn"',
        'spec.containers[0].restartPolicyRules[0].exitCodes.values: Required value: must specify at least one exit code',
        'spec.containers[0].restartPolicyRules[1].exitCodes: Required value: must be specified',
      ],
    ],
    [
      'a user beyond the ids',
      withContainer({ securityContext: { runAsUser: -1 } }),
      ['spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 4294967295, inclusive'],
    ],
    [
      'seccomp of no type',
      spec({ securityContext: { seccompProfile: { type: '' } } }),
      ['spec.securityContext.seccompProfile.type: Required value: type is required when seccompProfile is set'],
    ],
    [
      'a local seccomp profile that is not named',
      spec({ securityContext: { seccompProfile: { type: 'Localhost' } } }),
      [
        'spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost',
      ],
    ],
    [
      'a sysctl of no form',
      spec({ securityContext: { sysctls: [{ name: '_x', value: '1' }] } }),
      [
        'spec.securityContext.sysctls[0].name: Invalid value: "_x": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
      ],
    ],
    [
      'a toleration without key',
      spec({ tolerations: [{ operator: 'Equal' }] }),
      [
        'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ],
    ],
    [
      'a spread by nothing',
      spec({ topologySpreadConstraints: [{ maxSkew: 0, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }] }),
      ['spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero'],
    ],
    [
      'an affinity without topology',
      spec({
        affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: '' }] } },
      }),
      [
        'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty',
        expect.stringContaining('name part must be non-empty') as unknown as string,
        expect.stringContaining('name part must consist of') as unknown as string,
      ],
    ],
    [
      'DNS by nobody',
      spec({ dnsPolicy: 'None' }),
      ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
    ],
    [
      'a gated pod with a node',
      spec({ nodeName: 'n', schedulingGates: [{ name: 'wait' }] }),
      ['spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared'],
    ],
    [
      'a deadline of nothing',
      spec({ activeDeadlineSeconds: 0 }),
      ['spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive'],
    ],
  ])('refuses %s', (_what, given, texts) => {
    expect(errorsOf(given)).toEqual(texts);
  });

  it('lets a template leave host ports open', () => {
    const given = spec({ hostNetwork: true, containers: [container({ ports: [{ containerPort: 80 }] })] });
    expect(errorsOf(given, false)).toEqual([]);
    expect(errorsOf(given)).toEqual([]);
  });

  it('takes a sidecar with probes', () => {
    const sidecar = container({ name: 's', restartPolicy: 'Always', startupProbe: { tcpSocket: { port: 'http' } } });
    expect(errorsOf(spec({ initContainers: [sidecar] }))).toEqual([]);
  });
});

describe('defaultPodSpecOfPod', () => {
  it('fills in what upstream does', () => {
    const given = spec({
      serviceAccount: 'robot',
      hostNetwork: true,
      volumes: [
        { name: 'e' },
        { name: 's', secret: { secretName: 's' } },
        { name: 'p', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
        { name: 'h', hostPath: { path: '/' } },
      ],
      containers: [
        container({
          image: 'registry:5000/img',
          ports: [{ containerPort: 80 }],
          resources: { limits: { cpu: '1000m', memory: '1024Mi' } },
          livenessProbe: { httpGet: { port: 80 } },
          env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
        }),
      ],
    });
    defaultPodSpecOfPod(given);
    expect(given).toEqual({
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      schedulerName: 'default-scheduler',
      terminationGracePeriodSeconds: 30,
      securityContext: {},
      enableServiceLinks: true,
      serviceAccount: 'robot',
      serviceAccountName: 'robot',
      hostNetwork: true,
      volumes: [
        { name: 'e', emptyDir: {} },
        { name: 's', secret: { secretName: 's', defaultMode: 420 } },
        {
          name: 'p',
          projected: { defaultMode: 420, sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 3600 } }] },
        },
        { name: 'h', hostPath: { path: '/', type: '' } },
      ],
      containers: [
        {
          name: 'a',
          image: 'registry:5000/img',
          imagePullPolicy: 'Always',
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }],
          resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1', memory: '1Gi' } },
          livenessProbe: {
            httpGet: { port: 80, path: '/', scheme: 'HTTP' },
            timeoutSeconds: 1,
            periodSeconds: 10,
            successThreshold: 1,
            failureThreshold: 3,
          },
          env: [{ name: 'A', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } }],
        },
      ],
    });
  });

  it.each([
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['nginx:1.2', 'IfNotPresent'],
    ['host:5000/nginx', 'Always'],
    ['host:5000/nginx:1', 'IfNotPresent'],
    ['nginx@sha256:abc', 'IfNotPresent'],
  ])('pulls %s %s', (image, policy) => {
    const given = spec({ containers: [container({ image })] });
    defaultPodSpecOfPod(given);
    expect(given.containers[0]?.imagePullPolicy).toBe(policy);
  });

  it('leaves requests and service links of a template to its pods', () => {
    const given = withContainer({ resources: { limits: { cpu: '1' } } });
    defaultPodTemplateSpec(given);
    expect(given.containers[0]?.resources).toEqual({ limits: { cpu: '1' } });
    expect(given.enableServiceLinks).toBeUndefined();
  });
});

describe('podQosClass', () => {
  const both = { cpu: '1', memory: '1Gi' };
  it.each([
    [{}, 'BestEffort'],
    [{ requests: { cpu: '0' } }, 'BestEffort'],
    [{ requests: { cpu: '1' } }, 'Burstable'],
    [{ limits: both, requests: both }, 'Guaranteed'],
    [{ limits: both, requests: { cpu: '1000m', memory: '1024Mi' } }, 'Guaranteed'],
    [{ limits: both, requests: { ...both, cpu: '500m' } }, 'Burstable'],
    [{ limits: { cpu: '1' }, requests: { cpu: '1' } }, 'Burstable'],
  ])('of %j is %s', (resources, expected) => {
    expect(podQosClass(withContainer({ resources }))).toBe(expected);
  });
});

describe('podSpecWarnings', () => {
  it('speaks of what is probably not meant', () => {
    const given = withContainer({
      env: [{ name: 'A' }, { name: 'A' }],
      resources: { requests: { memory: '100m' } },
      ports: [{ containerPort: 80 }, { containerPort: 80 }],
    });
    expect(podSpecWarnings(given, 'spec')).toEqual([
      'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
      'spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer',
      'spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]',
    ]);
  });
});
