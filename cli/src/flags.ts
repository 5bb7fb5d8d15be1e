/**
 * The flags of every command as one table. A flag may be given on the command line (`--data-dir DIR`), by environment
 * (`SLIPWAY_DATA_DIR`) or in the YAML file of `--config`; the command line wins over the environment over the file.
 */
import { parseDurationMs } from '@slipway/api/duration';
import { parseCidr, parseIp } from '@slipway/api/ip-address';
import { dnsSubdomainProblems } from '@slipway/api/names';
import { nearestName } from '@slipway/kit/nearest-name';
import { UsageError } from './usage-error.ts';

export type FlagValue = string | number | boolean;

export interface Flag {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean' | 'choice' | 'cidr' | 'address' | 'name' | 'duration';
  readonly choices?: readonly string[];
  readonly default?: FlagValue;
  /** Shown in the help in place of the value: `DIR`. */
  readonly placeholder?: string;
  readonly help: string;
  readonly min?: number;
  readonly max?: number;
}

const duration = { type: 'duration', placeholder: 'DURATION' } as const;
const port = { type: 'integer', placeholder: 'N', min: 0, max: 65535 } as const;

export const flags = {
  'data-dir': { type: 'string', placeholder: 'DIR', help: 'everything that lasts: store, keys, images, pod state' },
  config: { type: 'string', placeholder: 'FILE', help: 'YAML file of flags (name: value)' },
  kubeconfig: {
    type: 'string',
    placeholder: 'FILE',
    help: 'written by up (default DATA_DIR/admin.kubeconfig), read by the other roles',
  },
  server: {
    type: 'string',
    placeholder: 'URL,...',
    help: "API servers, in place of the kubeconfig's: when one fails, the next one is asked",
  },
  'bind-address': { type: 'address', placeholder: 'IP', default: '127.0.0.1', help: 'address of the API server' },
  'secure-port': { ...port, default: 6443, help: 'HTTPS port of the API server, 0 picks a free one' },
  'pki-dir': {
    type: 'string',
    placeholder: 'DIR',
    help: "keys of the cluster (the API server's DATA_DIR/pki), to sign certificates and tokens",
  },
  'cluster-signing-duration': {
    type: 'duration',
    placeholder: 'TIME',
    default: '8760h',
    help: 'how long certificates that are asked for hold at most, such as 720h or 90m',
  },
  'token-auth-file': {
    type: 'string',
    placeholder: 'FILE',
    help: 'users by token, lines of token,user,uid,"group1,group2"',
  },
  'max-requests-inflight': {
    type: 'integer',
    placeholder: 'N',
    default: 400,
    min: 1,
    max: 100_000,
    help: 'reading requests in work; further ones are answered 429',
  },
  'max-mutating-requests-inflight': {
    type: 'integer',
    placeholder: 'N',
    default: 200,
    min: 1,
    max: 100_000,
    help: 'writing requests in work; further ones are answered 429',
  },
  'request-timeout': {
    type: 'duration',
    placeholder: 'TIME',
    default: '1m',
    help: 'how long a request may take, watches and streams aside',
  },
  'min-request-timeout': {
    type: 'integer',
    placeholder: 'SECONDS',
    default: 1800,
    min: 1,
    max: 86_400,
    help: 'a watch that names no time ends between this and twice of it',
  },
  'event-ttl': { type: 'duration', placeholder: 'TIME', default: '1h', help: 'how long events are kept' },
  'ecs-port': { ...port, default: 0, help: 'port of the ECS API, 0 = off' },
  'ecs-account-id': {
    type: 'string',
    placeholder: 'DIGITS',
    default: '000000000000',
    help: 'account in the ARNs of the ECS API, twelve digits',
  },
  storage: { type: 'choice', choices: ['embedded', 'etcd'], default: 'embedded', help: 'where state lives' },
  'etcd-servers': { type: 'string', placeholder: 'URL,...', help: 'etcd 3.4 to 3.6, with --storage etcd' },
  'etcd-cafile': { type: 'string', placeholder: 'FILE', help: 'CA of the etcd servers' },
  'etcd-certfile': { type: 'string', placeholder: 'FILE', help: 'client certificate for etcd' },
  'etcd-keyfile': { type: 'string', placeholder: 'FILE', help: 'key of the client certificate for etcd' },
  'node-name': { type: 'name', placeholder: 'NAME', help: "name of this node (default: the host's name)" },
  'cluster-cidr': { type: 'cidr', placeholder: 'CIDR', default: '10.64.0.0/16', help: 'addresses of pods' },
  'service-cluster-ip-range': {
    type: 'cidr',
    placeholder: 'CIDR',
    default: '10.96.0.0/16',
    help: 'addresses of services',
  },
  'network-backend': {
    type: 'choice',
    choices: ['vxlan', 'host-gw', 'none'],
    help: 'how pods of other nodes are reached (default: the option backend of the Network default, else vxlan)',
  },
  'data-path-port': {
    type: 'integer',
    placeholder: 'N',
    default: 4789,
    min: 1,
    max: 65535,
    help: 'UDP port of VXLAN, the same on all nodes',
  },
  'nodeport-addresses': {
    type: 'string',
    placeholder: 'CIDR,...',
    help: "answer node ports on the node's addresses in these ranges only (default: on all, 127.0.0.1 too)",
  },
  runtime: { type: 'string', placeholder: 'PATH', help: 'OCI runtime (default: crun, else runc)' },
  'agent-port': { ...port, default: 10250, help: 'HTTPS port of the node agent, 0 picks a free one' },
  agent: { type: 'boolean', default: true, help: 'control plane only, without the node agent' },
  controllers: { type: 'string', placeholder: 'LIST', default: '*', help: 'controllers to run: *, NAME, -NAME' },
  'leader-elect-lease-duration': {
    ...duration,
    default: '2s',
    help: 'how long a lead lasts that is not renewed, in whole seconds',
  },
  'leader-elect-renew-deadline': {
    ...duration,
    default: '1500ms',
    help: 'how long the leader tries to renew before it gives up',
  },
  'leader-elect-retry-period': {
    ...duration,
    default: '400ms',
    help: 'how often the lead is renewed',
  },
  'leader-elect-resource-name': {
    type: 'name',
    placeholder: 'NAME',
    default: 'kube-controller-manager',
    help: 'Lease by which one of several processes leads',
  },
  'leader-elect-resource-namespace': {
    type: 'name',
    placeholder: 'NAME',
    default: 'kube-system',
    help: 'namespace of that Lease',
  },
  'use-service-account-credentials': {
    type: 'boolean',
    default: true,
    help: 'all controllers act as the user of the kubeconfig, not each as a service account of kube-system',
  },
  'health-probe-bind-address': {
    type: 'string',
    placeholder: '[IP]:PORT',
    help: 'answer /healthz and /readyz there, by plain HTTP (default: nowhere)',
  },
  'scheduler-config': {
    type: 'string',
    placeholder: 'FILE',
    help: 'profiles and plugins of the scheduler, a KubeSchedulerConfiguration (see docs/scheduling.md)',
  },
  'registry-config': {
    type: 'string',
    placeholder: 'FILE',
    help: 'mirrors and plain-HTTP registries, YAML (see docs/images.md)',
  },
  'log-level': {
    type: 'choice',
    choices: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    default: 'info',
    help: 'how much is logged to standard error',
  },
  namespace: { type: 'string', placeholder: 'NAME', default: 'default', help: 'namespace of the object' },
  purge: { type: 'boolean', default: false, help: 'remove the data directory as well' },
  listen: {
    type: 'string',
    placeholder: 'ADDRESS',
    default: '127.0.0.1:2379',
    help: 'HOST:PORT with TLS; http://127.0.0.1:PORT without; port 0 picks a free one',
  },
  force: { type: 'boolean', default: false, help: 'replace what the store holds' },
  'bump-revision': {
    type: 'integer',
    placeholder: 'N',
    min: 0,
    max: 1_000_000_000,
    help: 'revisions left out above those of the backup (default: embedded 1000000, etcd 1000)',
  },
  'simulate-nodes': {
    type: 'integer',
    placeholder: 'N',
    default: 0,
    min: 0,
    max: 100_000,
    help: 'that many scripted nodes in this process (see slipway simulate-nodes)',
  },
  count: { type: 'integer', placeholder: 'N', default: 1, min: 1, max: 100_000, help: 'how many nodes' },
  'name-prefix': {
    type: 'name',
    placeholder: 'NAME',
    default: 'simulated',
    help: 'nodes are called NAME-0, NAME-1, ...',
  },
  label: { type: 'string', placeholder: 'KEY=VALUE,...', help: 'labels of the nodes' },
  taint: { type: 'string', placeholder: 'KEY=VALUE:EFFECT,...', help: 'taints of the nodes' },
  zones: { type: 'string', placeholder: 'NAME,...', help: 'zones, given to the nodes in turn' },
  capacity: {
    type: 'string',
    placeholder: 'NAME=AMOUNT,...',
    help: 'what a node has (default: cpu=32,memory=256Gi,ephemeral-storage=1Ti,pods=110)',
  },
  stages: {
    type: 'string',
    placeholder: 'usual|fast|FILE',
    default: 'usual',
    help: 'what pods go through, and how fast (see docs/simulated-nodes.md)',
  },
  'node-address': {
    type: 'address',
    placeholder: 'IP',
    help: 'address of the nodes (default: that of this machine towards the server)',
  },
  'kubelet-port': { ...port, default: 0, help: 'port at which this process answers for the nodes, 0 picks a free one' },
  'pod-cidr': {
    type: 'cidr',
    placeholder: 'CIDR',
    default: '100.64.0.0/10',
    help: 'addresses of pods on nodes to which the cluster gives no network',
  },
  'lease-duration': {
    type: 'integer',
    placeholder: 'SECONDS',
    default: 40,
    min: 5,
    max: 3600,
    help: 'time of a node lease; it is renewed when three quarters of it are over',
  },
  help: { type: 'boolean', default: false, help: 'show this help' },
} as const satisfies Readonly<Record<string, Omit<Flag, 'name'>>>;

export type FlagName = keyof typeof flags;
export type FlagValues = Readonly<Partial<Record<FlagName, FlagValue>>>;

export function flagOf(name: FlagName): Flag {
  return { name, ...flags[name] };
}

/** Splits arguments into flags and operands. Throws `UsageError` for what the command does not know. */
export function parseArguments(
  args: readonly string[],
  known: readonly FlagName[],
): { values: FlagValues; operands: string[] } {
  const values: Partial<Record<FlagName, FlagValue>> = {};
  const operands: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] ?? '';
    if (argument === '--') {
      operands.push(...args.slice(i + 1));
      break;
    }
    if (argument === '-h') {
      values.help = true;
    } else if (!argument.startsWith('--')) {
      if (argument.startsWith('-') && argument.length > 1)
        throw new UsageError(`unknown flag ${argument}; flags are written --like-this`);
      operands.push(argument);
    } else {
      const equals = argument.indexOf('=');
      const given = equals < 0 ? argument.slice(2) : argument.slice(2, equals);
      const { flag, negated } = findFlag(given, known);
      if (flag.type === 'boolean') {
        values[flag.name as FlagName] =
          equals < 0 ? !negated : parseValue(flag, argument.slice(equals + 1)) !== negated;
        continue;
      }
      const text = equals < 0 ? args[++i] : argument.slice(equals + 1);
      if (text === undefined)
        throw new UsageError(`--${flag.name} needs a value: --${flag.name} ${flag.placeholder ?? 'VALUE'}`);
      values[flag.name as FlagName] = parseValue(flag, text);
    }
  }
  return { values, operands };
}

function findFlag(given: string, known: readonly FlagName[]): { flag: Flag; negated: boolean } {
  if (known.includes(given as FlagName)) return { flag: flagOf(given as FlagName), negated: false };
  const positive = given.startsWith('no-') ? given.slice(3) : '';
  if (known.includes(positive as FlagName)) {
    const flag = flagOf(positive as FlagName);
    if (flag.type === 'boolean') return { flag, negated: true };
  }
  throw new UsageError(`unknown flag --${given}; did you mean --${nearestName(given, known)}?`);
}

export function parseValue(flag: Flag, text: string): FlagValue {
  const wrong = (expected: string) => new UsageError(`--${flag.name}: ${JSON.stringify(text)} is not ${expected}`);
  switch (flag.type) {
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw wrong('true or false');
      return text === 'true';
    case 'integer': {
      const value = Number(text);
      const { min = 0, max = Number.MAX_SAFE_INTEGER } = flag;
      if (!/^\d+$/.test(text) || value < min || value > max) throw wrong(`a whole number from ${min} to ${max}`);
      return value;
    }
    case 'choice':
      if (!flag.choices?.includes(text)) throw wrong(`one of ${flag.choices?.join(', ')}`);
      return text;
    case 'cidr':
      if (parseCidr(text)?.family !== 4) throw wrong('an IPv4 range such as 10.64.0.0/16');
      return text;
    case 'duration':
      if (!parseDurationMs(text)) throw wrong('a time such as 720h, 90m, 30s or 500ms');
      return text;
    case 'address':
      if (!parseIp(text)) throw wrong('an IP address such as 127.0.0.1');
      return text;
    case 'name': {
      const [problem] = dnsSubdomainProblems(text.toLowerCase());
      if (problem) throw new UsageError(`--${flag.name}: Invalid value: ${JSON.stringify(text)}: ${problem}`);
      return text;
    }
    default:
      if (text === '') throw wrong('a value');
      return text;
  }
}

/** Values from `SLIPWAY_...` variables. */
export function parseEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  known: readonly FlagName[],
): FlagValues {
  const values: Partial<Record<FlagName, FlagValue>> = {};
  for (const name of known) {
    const text = env[`SLIPWAY_${name.toUpperCase().replaceAll('-', '_')}`];
    if (text !== undefined) values[name] = parseValue(flagOf(name), text);
  }
  return values;
}

/** Values from the parsed content of a `--config` file. */
export function parseConfigFile(content: unknown, path: string, known: readonly FlagName[]): FlagValues {
  if (content === null || content === undefined) return {};
  if (typeof content !== 'object' || Array.isArray(content))
    throw new UsageError(`${path}: must be a map of flag names to values`);
  const values: Partial<Record<FlagName, FlagValue>> = {};
  for (const [key, value] of Object.entries(content)) {
    try {
      const { flag, negated } = findFlag(key, known);
      const parsed = parseValue(flag, String(value));
      values[flag.name as FlagName] = typeof parsed === 'boolean' ? parsed !== negated : parsed;
    } catch (error) {
      if (error instanceof UsageError) throw new UsageError(`${path}: ${error.message}`);
      throw error;
    }
  }
  return values;
}
