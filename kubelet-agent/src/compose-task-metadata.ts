import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createKernelHost } from '@slipway/cni';
import type { Transport } from '@slipway/api/transport';
import type { Clock } from '@slipway/kit/clock';
import type { Exec } from '@slipway/kit/exec';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import { detectCgroupLayout } from './cgroups/cgroup-layout.ts';
import type { NodeCaches } from './compose.ts';
import { hostAddresses, readMachineFacts } from './node/machine-facts.ts';
import { parseResolvConf } from './pods/dns-config.ts';
import type { RuntimeService } from './runtime/cri.ts';
import { EcsForm } from './task-metadata/ecs/ecs-form.ts';
import type { ObserveDeps } from './task-metadata/ecs/observe-task.ts';
import { EndpointIds } from './task-metadata/endpoint-ids.ts';
import { TaskMetadata } from './task-metadata/task-metadata.ts';

export interface NodeMetadataSettings {
  readonly clusterId: string;
  readonly dataDir: string;
  /** Undefined = this node runs no DNS. */
  readonly dnsIp: string | undefined;
  readonly clusterDomain: string;
  /** The host's resolv.conf. */
  readonly resolvConf: string;
}

export interface NodeMetadataDeps {
  readonly runtime: RuntimeService;
  readonly exec: Exec;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Where containers ask about the task that they belong to, on one node. */
export interface NodeMetadata {
  /** The runtime that the agent is to use in place of its own. */
  over<T extends RuntimeService>(runtime: T): T;
  /** For the agent: what runs along with it. */
  companion(caches: NodeCaches): (signal: AbortSignal) => Promise<void>;
}

export async function createNodeMetadata(
  settings: NodeMetadataSettings,
  deps: NodeMetadataDeps,
): Promise<NodeMetadata> {
  const { exec, runtime, clock, random } = deps;
  const { clusterId, clusterDomain } = settings;
  const host = createKernelHost({ exec });
  const [ids, cgroups, machine, resolvConf] = await Promise.all([
    EndpointIds.open(join(settings.dataDir, 'task-metadata.key'), random),
    detectCgroupLayout(),
    readMachineFacts(settings.dataDir),
    readFile(settings.resolvConf, 'utf8').catch(() => ''),
  ]);
  const dns = {
    clusterDns: settings.dnsIp === undefined ? [] : [settings.dnsIp],
    clusterDomain,
    host: parseResolvConf(resolvConf),
  };
  let observe: ObserveDeps | undefined;
  const form = new EcsForm({
    ...deps,
    cgroups,
    machine: { cores: machine.cpus, memoryBytes: machine.memoryBytes },
    observe: () => observe,
  });
  const metadata = new TaskMetadata({ ...deps, host, form, ids }, { clusterId });
  return {
    over: (wrapped) => metadata.over(wrapped),
    companion({ pods, ownNode }) {
      observe = { runtime, host, clock, pods, ownNode, nodeAddress: () => hostAddresses()[0], dns: () => dns };
      return (signal) => metadata.run(signal);
    },
  };
}
