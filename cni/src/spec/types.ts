/** The JSON of the CNI specification 1.1. Results of older versions are converted at the border by `result.ts`. */

export interface CniDns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

export interface CniInterface {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  /** Path of the network namespace; absent for an interface of the host. */
  readonly sandbox?: string;
  readonly socketPath?: string;
  readonly pciID?: string;
}

export interface CniIp {
  /** `10.1.2.3/24` */
  readonly address: string;
  readonly gateway?: string;
  /** Index into the result's `interfaces`. */
  readonly interface?: number;
}

export interface CniRoute {
  /** `0.0.0.0/0` */
  readonly dst: string;
  readonly gw?: string;
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  readonly scope?: number;
}

/** A result in the shape of 1.1, without the version, which belongs to the exchange and not to what was done. */
export interface CniResult {
  readonly interfaces: readonly CniInterface[];
  readonly ips: readonly CniIp[];
  readonly routes: readonly CniRoute[];
  readonly dns: CniDns;
}

export const emptyResult: CniResult = { interfaces: [], ips: [], routes: [], dns: {} };

export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol?: string;
  readonly hostIP?: string;
  /** As many ports side by side; 1 when absent. */
  readonly range?: number;
}

/** What a runtime hands over under `runtimeConfig`, each only to plugins that declare the capability. */
export interface RuntimeConfig {
  readonly portMappings?: readonly PortMapping[];
  readonly mac?: string;
  readonly ips?: readonly string[];
  readonly dns?: {
    readonly servers?: readonly string[];
    readonly searches?: readonly string[];
    readonly options?: readonly string[];
  };
  /** Range sets of host-local, as in its configuration. */
  readonly ipRanges?: unknown;
  readonly bandwidth?: unknown;
  /** Names of the container in this network, for whoever answers DNS; plugins do nothing with them. */
  readonly aliases?: readonly string[];
  readonly [capability: string]: unknown;
}

export interface Attachment {
  readonly containerID: string;
  readonly ifname: string;
}

/** The keys that every plugin's configuration may have. Each plugin parses its own on top. */
export interface NetworkConfig {
  readonly cniVersion?: string;
  readonly name: string;
  readonly type: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
  readonly runtimeConfig?: RuntimeConfig;
  readonly prevResult?: unknown;
  readonly args?: { readonly cni?: Readonly<Record<string, unknown>> };
  readonly ipam?: Readonly<Record<string, unknown>> & { readonly type?: string };
  readonly dns?: CniDns;
  readonly [key: string]: unknown;
}

export interface NetworkConfigList {
  readonly cniVersion: string;
  readonly name: string;
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  readonly plugins: readonly NetworkConfig[];
}

/** The key of GC's valid attachments in a configuration (CNI 1.1, "GC"). */
export const validAttachmentsKey = 'cni.dev/valid-attachments';
/** As the first releases of upstream's library sent it. */
export const formerValidAttachmentsKey = 'cni.dev/attachments';
