import type { Pod } from '@slipway/api/types';
import type { PodSandboxConfig, PortMapping } from '../runtime/cri.ts';
import type { VolumeLayout } from '../volumes/volume-layout.ts';
import { podResources, qosClassOf } from './container-resources.ts';
import { type DnsContext, podDnsConfig } from './dns-config.ts';
import { kernelHostname, podHostname } from './hosts-file.ts';
import { podLabels } from './pod-labels.ts';
import { namespaceOptions, securityProfile } from './security-context.ts';

export interface SandboxContext {
  readonly layout: VolumeLayout;
  readonly dns: DnsContext;
  readonly seccompRoot: string;
}

/** Everything that the pod's spec says about its sandbox. Pure. */
export function sandboxConfig(pod: Pod, attempt: number, context: SandboxContext): PodSandboxConfig {
  const { name = '', namespace = '', uid = '', annotations = {} } = pod.metadata;
  const security = pod.spec.securityContext ?? {};
  const seccomp = securityProfile(security.seccompProfile, context.seccompRoot);
  const sysctls = Object.fromEntries((security.sysctls ?? []).map((sysctl) => [sysctl.name, sysctl.value]));
  return {
    metadata: { name, namespace, uid, attempt },
    hostname: pod.spec.hostNetwork ? '' : kernelHostname(pod, podHostname(pod, context.dns.clusterDomain)),
    logDirectory: context.layout.logDirectory({ namespace, name, uid }),
    dnsConfig: podDnsConfig(pod, context.dns),
    portMappings: portMappings(pod),
    labels: podLabels(pod),
    annotations,
    linux: {
      cgroupParent: podCgroup(pod),
      sysctls,
      resources: podResources(pod),
      securityContext: {
        namespaceOptions: namespaceOptions(pod),
        privileged: pod.spec.containers.some(({ securityContext }) => securityContext?.privileged),
        ...(security.runAsUser === undefined ? {} : { runAsUser: security.runAsUser }),
        ...(security.runAsGroup === undefined ? {} : { runAsGroup: security.runAsGroup }),
        ...(security.supplementalGroups ? { supplementalGroups: security.supplementalGroups } : {}),
        ...(seccomp ? { seccomp } : {}),
      },
    },
  };
}

/** Upstream's tree: guaranteed pods side by side, the others below their class. */
export function podCgroup(pod: Pod): string {
  const qos = qosClassOf(pod);
  const parent = qos === 'Guaranteed' ? '/kubepods' : `/kubepods/${qos.toLowerCase()}`;
  return `${parent}/pod${pod.metadata.uid ?? ''}`;
}

export function portMappings(pod: Pod): PortMapping[] {
  if (pod.spec.hostNetwork) return [];
  const containers = [
    ...(pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always'),
    ...pod.spec.containers,
  ];
  return containers.flatMap(({ ports = [] }) =>
    ports.flatMap(({ containerPort, hostPort, hostIP = '', protocol = 'TCP' }) =>
      hostPort ? [{ protocol: protocol as PortMapping['protocol'], containerPort, hostPort, hostIp: hostIP }] : [],
    ),
  );
}
