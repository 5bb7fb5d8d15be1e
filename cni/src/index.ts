export { type AttachmentRequest, type Chain, type ChainOptions, createChain } from './chain/chain.ts';
export { loadConflist, parseConflist } from './chain/parse-conflist.ts';
export { createResultCache, type ResultCache } from './chain/result-cache.ts';
export { type Host, type HostOptions, type IpObject, KernelError, type NftObject } from './host/host.ts';
export { addressField, interfaceField, portField } from './host/nft-fields.ts';
export type { NftElement, NftTable } from './host/netlink/set-messages.ts';
export { createKernelHost, type KernelHostOptions } from './host/kernel-host.ts';
export type {
  ForwardingEntry,
  NeighbourEntry,
  RouteEntry,
  TableEntry,
  TableFailure,
  TableStep,
} from './host/table-step.ts';
export { type ListeningSocketOptions, openListeningSocket } from './host/listening-socket.ts';
export { openPacketSocket, type PacketSocket, type PacketSocketOptions } from './host/packet-socket.ts';
export { createSysctlRecord, type SysctlRecord, sysctlRecordRoot } from './host/sysctl-record.ts';
export { bridgeTableName } from './plugins/bridge/bridge-ruleset.ts';
export { prepareBridge } from './plugins/bridge/prepare-bridge.ts';
export { builtInPlugins } from './plugins/built-in-plugins.ts';
export { installPlugins } from './plugins/install-plugins.ts';
export { hostInterfaceName, interfacePrefix, isAliasOfCluster, parseInterfaceAlias } from './plugins/names.ts';
export { releaseParentsOfCluster } from './plugins/parent/release-parent.ts';
export { removeUnusedOverlay } from './plugins/overlay/ensure-overlay.ts';
export { PeerTables } from './plugins/overlay/peer-tables.ts';
export {
  directRoutePriority,
  isDirectRouteOf,
  type OverlayPeer,
  type OverlaySelf,
  overlayRouteProtocol,
  planOverlay,
  vtepMac,
} from './plugins/overlay/plan-overlay.ts';
export { findUplink, overlayMtu, type Uplink } from './plugins/overlay/uplink.ts';
export { ensureVxlan, type VxlanDevice, vxlanPort } from './plugins/overlay/vxlan-device.ts';
export { portmapTableName } from './plugins/portmap/portmap-ruleset.ts';
export { createPluginCaller, type PluginCallerOptions, wantsExecutable } from './skeleton/call-plugin.ts';
export { createExecCaller } from './skeleton/exec-plugin.ts';
export { invokePlugin } from './skeleton/invoke-plugin.ts';
export type { AnyPlugin, CallPlugin, CniPlugin, CniRequest, Invocation } from './skeleton/plugin.ts';
export { runPlugin } from './skeleton/run-plugin.ts';
export { CniError, cniErrorCodes } from './spec/cni-error.ts';
export * from './spec/ip-address.ts';
export type * from './spec/types.ts';
export { type CniCommand, type CniVersion, supportedVersions } from './spec/versions.ts';
