import { createHash } from 'node:crypto';
import { homedir, hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { parseDurationMs } from '@slipway/api/duration';
import { parseCidr, parseIp } from '@slipway/api/ip-address';
import { type InCluster, inClusterFrom } from '@slipway/client/in-cluster';
import type { LeaseTimes } from '@slipway/client/leader-election';
import type { NetworkBackend } from '@slipway/kubelet-agent';
import type { LogLevel } from '@slipway/kit/logger';
import { type FlagName, type FlagValues, flags } from './flags.ts';
import { UsageError } from './usage-error.ts';

export interface EtcdConfig {
  readonly servers: readonly string[];
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** Everything a process needs to know, parsed once and frozen. */
export interface Config {
  readonly dataDir: string;
  /** Names this cluster's kernel objects; follows from the data directory, so that `down` finds them after any crash. */
  readonly clusterId: string;
  readonly kubeconfig: string;
  /** In a pod of a cluster for which no kubeconfig was named: the way to that cluster's server, where there is no file either. */
  readonly inCluster: InCluster | undefined;
  /** In place of the kubeconfig's; none: that one. */
  readonly servers: readonly string[];
  readonly bindAddress: string;
  readonly securePort: number;
  readonly pkiDir: string | undefined;
  readonly signingDurationMs: number;
  readonly tokenAuthFile: string | undefined;
  /** Of the API server. */
  readonly limits: {
    readonly readsInFlightMax: number;
    readonly writesInFlightMax: number;
    readonly requestMsMax: number;
    readonly watchSecondsMin: number;
  };
  readonly eventTtlMs: number;
  readonly ecsPort: number;
  readonly ecsAccountId: string;
  /** undefined = the embedded store. */
  readonly etcd: EtcdConfig | undefined;
  readonly nodeName: string;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  readonly networkBackend: NetworkBackend | undefined;
  readonly dataPathPort: number;
  /** Ranges in CIDR notation; none = every address of the node. */
  readonly nodePortNetworks: readonly string[];
  readonly runtimePath: string | undefined;
  readonly agentPort: number;
  readonly agent: boolean;
  readonly controllers: string;
  readonly leaseTimes: LeaseTimes;
  /** The Lease by which one of several processes leads. */
  readonly lease: { readonly namespace: string; readonly name: string };
  /** Each controller acts as a service account of kube-system; else all act as whoever the kubeconfig names. */
  readonly accountPerController: boolean;
  /** Of probes; no host = all addresses. undefined = none. */
  readonly probeAddress: { readonly host: string; readonly port: number } | undefined;
  readonly schedulerConfig: string | undefined;
  readonly registryConfig: string | undefined;
  readonly logLevel: LogLevel;
  readonly namespace: string;
  readonly purge: boolean;
  readonly listen: string;
  readonly force: boolean;
  readonly bumpRevision: number | undefined;
  readonly simulated: SimulatedConfig;
}

/** Of `simulate-nodes`, the command, and `--simulate-nodes N` of `up`. */
export interface SimulatedConfig {
  readonly countBeside: number;
  readonly count: number;
  readonly namePrefix: string;
  readonly labels: string | undefined;
  readonly taints: string | undefined;
  readonly zones: string | undefined;
  readonly capacity: string | undefined;
  readonly stages: string;
  readonly nodeAddress: string | undefined;
  readonly kubeletPort: number;
  readonly podCidr: string;
  readonly leaseSeconds: number;
}

/** A plain user cannot write below /var/lib: their cluster lives in their home. */
export function defaultDataDir(isRoot: boolean, env: Readonly<Record<string, string | undefined>>): string {
  if (isRoot) return '/var/lib/slipway';
  return join(env.XDG_DATA_HOME || join(homedir(), '.local/share'), 'slipway');
}

/** `layers` from weakest to strongest: file, environment, command line. */
export function resolveConfig(
  layers: readonly FlagValues[],
  fallbackDataDir: string,
  env: Readonly<Record<string, string | undefined>> = {},
): Config {
  const given: FlagValues = Object.assign({}, ...layers);
  const value = (name: FlagName) => given[name] ?? ('default' in flags[name] ? flags[name].default : undefined);
  const text = (name: FlagName) => value(name) as string | undefined;
  const duration = (name: FlagName) => parseDurationMs(text(name) ?? '') ?? 0;
  const dataDir = resolve(text('data-dir') ?? fallbackDataDir);
  return Object.freeze({
    dataDir,
    clusterId: createHash('sha256').update(dataDir).digest('hex').slice(0, 8),
    kubeconfig: resolve(text('kubeconfig') ?? join(dataDir, 'admin.kubeconfig')),
    inCluster: given.kubeconfig === undefined ? inClusterFrom(env) : undefined,
    servers: serversFrom(text('server')),
    bindAddress: text('bind-address') ?? '127.0.0.1',
    securePort: value('secure-port') as number,
    pkiDir: text('pki-dir'),
    signingDurationMs: duration('cluster-signing-duration'),
    tokenAuthFile: text('token-auth-file'),
    limits: {
      readsInFlightMax: value('max-requests-inflight') as number,
      writesInFlightMax: value('max-mutating-requests-inflight') as number,
      requestMsMax: duration('request-timeout'),
      watchSecondsMin: value('min-request-timeout') as number,
    },
    eventTtlMs: duration('event-ttl'),
    ecsPort: value('ecs-port') as number,
    ecsAccountId: accountFrom(text('ecs-account-id') ?? ''),
    etcd: etcdFrom(text),
    nodeName: (text('node-name') ?? hostname()).toLowerCase(),
    clusterCidr: text('cluster-cidr') ?? '',
    serviceCidr: text('service-cluster-ip-range') ?? '',
    networkBackend: text('network-backend') as NetworkBackend | undefined,
    dataPathPort: value('data-path-port') as number,
    nodePortNetworks: networksFrom(text('nodeport-addresses')),
    runtimePath: text('runtime'),
    agentPort: value('agent-port') as number,
    agent: value('agent') as boolean,
    controllers: text('controllers') ?? '*',
    leaseTimes: leaseTimesFrom(duration),
    lease: {
      namespace: text('leader-elect-resource-namespace') ?? '',
      name: text('leader-elect-resource-name') ?? '',
    },
    accountPerController: value('use-service-account-credentials') as boolean,
    probeAddress: addressFrom('health-probe-bind-address', text('health-probe-bind-address')),
    schedulerConfig: text('scheduler-config'),
    registryConfig: text('registry-config'),
    logLevel: text('log-level') as LogLevel,
    namespace: text('namespace') ?? 'default',
    purge: value('purge') as boolean,
    listen: text('listen') ?? '',
    force: value('force') as boolean,
    bumpRevision: value('bump-revision') as number | undefined,
    simulated: {
      countBeside: value('simulate-nodes') as number,
      count: value('count') as number,
      namePrefix: text('name-prefix') ?? '',
      labels: text('label'),
      taints: text('taint'),
      zones: text('zones'),
      capacity: text('capacity'),
      stages: text('stages') ?? '',
      nodeAddress: text('node-address'),
      kubeletPort: value('kubelet-port') as number,
      podCidr: text('pod-cidr') ?? '',
      leaseSeconds: value('lease-duration') as number,
    },
  });
}

function accountFrom(text: string): string {
  if (/^\d{12}$/.test(text)) return text;
  throw new UsageError(`--ecs-account-id: ${JSON.stringify(text)} is not an account of twelve digits`);
}

/** Leaves room for the service of the API server (the first address), of DNS (the tenth) and a few of users. */
const serviceAddressesMin = 16n;

function networksFrom(text: string | undefined): readonly string[] {
  const networks = (text ?? '').split(',').filter((each) => each !== '');
  for (const network of networks) {
    if (parseCidr(network)) continue;
    throw new UsageError(`--nodeport-addresses: ${JSON.stringify(network)} is not a range such as 192.168.1.0/24`);
  }
  return networks;
}

/** Throws `UsageError` when pods and services cannot live in these ranges. */
export function checkRanges({ clusterCidr, serviceCidr }: Pick<Config, 'clusterCidr' | 'serviceCidr'>): void {
  const pods = parseCidr(clusterCidr);
  const services = parseCidr(serviceCidr);
  if (!pods || !services) return; // each flag has been checked where it was read
  if (services.size < serviceAddressesMin) {
    throw new UsageError(`--service-cluster-ip-range: ${serviceCidr} is too small; give it at least /28`);
  }
  if (pods.base < services.base + services.size && services.base < pods.base + pods.size) {
    throw new UsageError(
      `--cluster-cidr ${clusterCidr} and --service-cluster-ip-range ${serviceCidr} overlap; choose ranges that do not`,
    );
  }
}

function serversFrom(list: string | undefined): readonly string[] {
  const servers = list?.split(',') ?? [];
  for (const server of servers) {
    if (!/^https?:\/\/[^/]+(\/.*)?$/.test(server) || !URL.canParse(server)) {
      throw new UsageError(`--server: ${JSON.stringify(server)} is not a URL such as https://10.0.0.1:6443`);
    }
  }
  return servers;
}

function addressFrom(flag: FlagName, text: string | undefined): Config['probeAddress'] {
  if (text === undefined || text === '0') return undefined;
  const { host = '', port = '' } = /^(?<host>.*):(?<port>\d{1,5})$/.exec(text)?.groups ?? {};
  const name = host.replace(/^\[(.*)\]$/, '$1');
  if (port === '' || Number(port) > 65_535 || (name !== '' && !parseIp(name)))
    throw new UsageError(`--${flag}: ${JSON.stringify(text)} is not an address such as :8081 or 127.0.0.1:8081`);
  return { host: name, port: Number(port) };
}

/** A candidate waits this much longer than the retry period at most, so that candidates do not all ask at once. */
const retryJitter = 1.2;

function leaseTimesFrom(duration: (name: FlagName) => number): LeaseTimes {
  const times = {
    leaseDurationMs: duration('leader-elect-lease-duration'),
    renewDeadlineMs: duration('leader-elect-renew-deadline'),
    retryPeriodMs: duration('leader-elect-retry-period'),
  };
  if (times.leaseDurationMs <= times.renewDeadlineMs)
    throw new UsageError('--leader-elect-lease-duration must be longer than --leader-elect-renew-deadline');
  if (times.renewDeadlineMs <= times.retryPeriodMs * retryJitter)
    throw new UsageError('--leader-elect-renew-deadline must be longer than 1.2 times --leader-elect-retry-period');
  return times;
}

function etcdFrom(text: (name: FlagName) => string | undefined): EtcdConfig | undefined {
  const servers = text('etcd-servers');
  if (text('storage') !== 'etcd') {
    if (servers) throw new UsageError('--etcd-servers needs --storage etcd');
    return undefined;
  }
  if (!servers) throw new UsageError('--storage etcd needs --etcd-servers URL,...');
  const files = { caFile: text('etcd-cafile'), certFile: text('etcd-certfile'), keyFile: text('etcd-keyfile') };
  if ((files.certFile === undefined) !== (files.keyFile === undefined)) {
    throw new UsageError('--etcd-certfile and --etcd-keyfile go together');
  }
  if (files.certFile !== undefined && files.caFile === undefined) {
    throw new UsageError('--etcd-certfile needs --etcd-cafile FILE, the CA of the etcd servers');
  }
  for (const server of servers.split(',')) {
    if (!/^https?:\/\/[^/]+\/?$/.test(server)) {
      throw new UsageError(`--etcd-servers: ${JSON.stringify(server)} is not a URL such as http://127.0.0.1:2379`);
    }
  }
  return {
    servers: servers.split(','),
    ...(files.caFile ? { caFile: files.caFile } : {}),
    ...(files.certFile && files.keyFile ? { certFile: files.certFile, keyFile: files.keyFile } : {}),
  };
}
