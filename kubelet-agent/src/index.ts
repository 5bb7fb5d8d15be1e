export { createCgroups } from './cgroups/cgroups.ts';
export { detectCgroupLayout } from './cgroups/cgroup-layout.ts';
export { createNodeAgent, type NodeAgent, type NodeAgentDeps, type NodeCaches, type ServingNode } from './compose.ts';
export {
  createNodeNetwork,
  type NodeNetwork,
  type NodeNetworkDeps,
  type NodeNetworkSettings,
  removeNodeNetwork,
} from './compose-network.ts';
export {
  createNodeMetadata,
  type NodeMetadata,
  type NodeMetadataDeps,
  type NodeMetadataSettings,
} from './compose-task-metadata.ts';
export type { NetworkBackend } from './network/overlay/overlay-settings.ts';
export {
  type AgentConfig,
  type AgentSettings,
  type AgentTls,
  agentConfig,
  hostInCidr,
  kubeletVersion,
} from './config.ts';
export { type ClusterDns, type ClusterDnsDeps, createClusterDns } from './dns/compose-dns.ts';
export { dnsServiceRef, ensureDnsService } from './dns/ensure-dns-service.ts';
export { ServiceDirectory } from './dns/zone/service-directory.ts';
export type { Address } from './network/api-relay.ts';
export { NetworkObjects } from './network/attachments/network-objects.ts';
export { PodNetwork, type PodNetworkOptions } from './network/pod-network.ts';
export { type RemoveNetworkOptions, removeNetwork } from './network/remove-network.ts';
export { systemMounter } from './node/system-mounter.ts';
export { NetworkPolicies } from './policy/network-policies.ts';
export { ServiceProxy } from './proxy/service-proxy.ts';
export type * from './runtime/cri.ts';
export { isRuntimeError, RuntimeError } from './runtime/cri.ts';
export { createPosixSpawn } from './runtime/local/kernel/posix-spawn.ts';
export { createLocalRuntime, type LocalRuntime } from './runtime/local/local-runtime.ts';
export { createImageStore, type ImageStore, type RegistryOptions } from './images/index.ts';
export { volumeLayout } from './volumes/volume-layout.ts';
