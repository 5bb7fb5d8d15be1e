import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { UserInfo } from './registry/strategy.ts';

export interface ApiServerConfig {
  /** Everything that lasts; keys and certificates lie in `pki/` below it. */
  readonly dataDir: string;
  readonly bindAddress: string;
  /** 0 picks a free one. */
  readonly securePort: number;
  /**
   * Where pods and other machines reach this server; the endpoint of the service `default/kubernetes`. The server listens there too.
   * Undefined when only this machine reaches it (a loopback address).
   */
  readonly advertiseAddress: string | undefined;
  readonly serviceClusterIpRange: string;
  readonly serviceNodePortRange: { readonly first: number; readonly last: number };
  /** `iss` of service account tokens. */
  readonly serviceAccountIssuer: string;
  /** The audiences that the server takes itself for; the first is the default of a token request. */
  readonly apiAudiences: readonly string[];
  /** Users by their tokens, as `parseTokenFile` reads them. */
  readonly staticTokens: ReadonlyMap<string, UserInfo>;
  /** Further names and addresses for the serving certificate. */
  readonly extraHosts: readonly string[];
  /** How long certificates hold that the server makes for itself and those around it. */
  readonly certificateValidMs: number;
  /** How long events are kept. As upstream's --event-ttl. */
  readonly eventTtlMs: number;
  /** The ECS API; undefined when it is not served. */
  readonly ecs: EcsConfig | undefined;
  readonly limits: Limits;
}

export interface EcsConfig {
  /** On the bind address. 0 picks a free one. */
  readonly port: number;
  /** Twelve digits, in every ARN. */
  readonly accountId: string;
}

/** Every bound of the server in one place. */
export interface Limits {
  /** As upstream: the largest object that etcd takes, with room for a patch. */
  readonly bodyBytesMax: number;
  /** Requests in work, watches and streams not counted; more are answered with 429. As upstream's --max-requests-inflight. */
  readonly readsInFlightMax: number;
  /** As upstream's --max-mutating-requests-inflight. */
  readonly writesInFlightMax: number;
  /** Of all kinds, for everybody: system:masters, who are not held by the two above, are held by this. */
  readonly requestsInFlightMax: number;
  /** What a request may take, watches and streams aside. As upstream's --request-timeout. */
  readonly requestMsMax: number;
  /** Connections of all clients; a further one is closed at once. */
  readonly connectionsMax: number;
  /** What is in work when the server stops has so long to be answered. */
  readonly shutdownMsMax: number;
  /** Memory that frames not yet taken by one watcher's socket may refer to; then the watch is cut and the client starts again. */
  readonly watchBacklogBytesMax: number;
  readonly watchersMax: number;
  /** As upstream's --min-request-timeout: a watch that names no time-out gets one between this and twice of it, so that not all end together. */
  readonly watchSecondsMin: number;
  /** A watcher whose connection takes nothing for so long is cut off. */
  readonly watchStalledMsMax: number;
  readonly headerBytesMax: number;
  readonly urlCharactersMax: number;
  readonly selectorCharactersMax: number;
}

const defaultLimits: Limits = {
  bodyBytesMax: 3 * 1024 * 1024,
  readsInFlightMax: 400,
  writesInFlightMax: 200,
  requestsInFlightMax: 4_000,
  requestMsMax: 60_000,
  connectionsMax: 30_000,
  shutdownMsMax: 10_000,
  watchBacklogBytesMax: 32 * 1024 * 1024,
  watchersMax: 20_000,
  watchSecondsMin: 1800,
  watchStalledMsMax: 60_000,
  headerBytesMax: 64 * 1024,
  urlCharactersMax: 32 * 1024,
  selectorCharactersMax: 16 * 1024,
};

const certificateValidMsDefault = 365 * 24 * 3600_000;

const eventTtlMsDefault = 3_600_000;

const defaultIssuer = 'https://kubernetes.default.svc.cluster.local';

export type ApiServerOptions = Pick<ApiServerConfig, 'dataDir'> &
  Partial<Omit<ApiServerConfig, 'dataDir' | 'limits'>> & { readonly limits?: Partial<Limits> };

/** Fills in the defaults of contracts.md. */
export function apiServerConfig(options: ApiServerOptions): ApiServerConfig {
  const bindAddress = options.bindAddress ?? '127.0.0.1';
  const issuer = options.serviceAccountIssuer ?? defaultIssuer;
  return Object.freeze({
    dataDir: options.dataDir,
    bindAddress,
    securePort: options.securePort ?? 6443,
    advertiseAddress: options.advertiseAddress ?? advertised(bindAddress),
    serviceClusterIpRange: options.serviceClusterIpRange ?? '10.96.0.0/16',
    serviceNodePortRange: options.serviceNodePortRange ?? { first: 30000, last: 32767 },
    serviceAccountIssuer: issuer,
    apiAudiences: options.apiAudiences ?? [issuer],
    staticTokens: options.staticTokens ?? new Map(),
    extraHosts: options.extraHosts ?? [],
    certificateValidMs: options.certificateValidMs ?? certificateValidMsDefault,
    eventTtlMs: options.eventTtlMs ?? eventTtlMsDefault,
    ecs: options.ecs,
    limits: Object.freeze({ ...defaultLimits, ...options.limits }),
  });
}

export function pkiDirectory(config: Pick<ApiServerConfig, 'dataDir'>): string {
  return join(config.dataDir, 'pki');
}

/** Nobody can connect to "all addresses": the first one of this machine that is not loopback stands for them. */
function advertised(bindAddress: string): string | undefined {
  if (isLoopback(bindAddress)) return undefined;
  if (!isUnspecified(bindAddress)) return bindAddress;
  const family = bindAddress === '::' ? 'IPv6' : 'IPv4';
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address, family: found, internal } of addresses ?? []) {
      if (!internal && found === family) return address;
    }
  }
  return undefined;
}

/** Whether it stands for every address of the machine. */
export function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address === 'localhost';
}
