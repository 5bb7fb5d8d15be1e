import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import type { Config } from './config.ts';
import type { FlagName } from './flags.ts';

export interface CommandContext {
  readonly config: Config;
  /** What follows the command's name and is no flag. */
  readonly operands: readonly string[];
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborted by SIGTERM and SIGINT. */
  readonly signal: AbortSignal;
  /** A line on standard output. */
  print(line: string): void;
}

export interface Command {
  readonly name: string;
  /** Operands as the help shows them: `load FILE | pull REF`. */
  readonly operands?: string;
  readonly summary: string;
  readonly flags: readonly FlagName[];
  load(): Promise<RunCommand>;
}

/** Ends when the work is done. Throws `UsageError` or `CommandError` for what the user should know. */
export type RunCommand = (context: CommandContext) => Promise<void>;

export const storeFlags = [
  'storage',
  'etcd-servers',
  'etcd-cafile',
  'etcd-certfile',
  'etcd-keyfile',
] as const satisfies readonly FlagName[];
export const everywhereFlags = ['data-dir', 'config', 'log-level', 'help'] as const satisfies readonly FlagName[];
export const leaderElectFlags = [
  'leader-elect-lease-duration',
  'leader-elect-renew-deadline',
  'leader-elect-retry-period',
] as const satisfies readonly FlagName[];
export const simulatedNodeFlags = [
  'name-prefix',
  'label',
  'taint',
  'zones',
  'capacity',
  'stages',
  'node-address',
  'kubelet-port',
  'pod-cidr',
  'lease-duration',
] as const satisfies readonly FlagName[];
export const apiServerFlags = [
  'kubeconfig',
  'bind-address',
  'secure-port',
  'service-cluster-ip-range',
  'token-auth-file',
  'max-requests-inflight',
  'max-mutating-requests-inflight',
  'request-timeout',
  'min-request-timeout',
  'event-ttl',
  ...storeFlags,
  'ecs-port',
  'ecs-account-id',
] as const satisfies readonly FlagName[];
export const agentFlags = [
  'node-name',
  'runtime',
  'agent-port',
  'network-backend',
  'data-path-port',
  'nodeport-addresses',
  'registry-config',
  'cluster-cidr',
] as const satisfies readonly FlagName[];
