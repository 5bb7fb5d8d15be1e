/**
 * Admission: rules about a write that are not the kind's own. Each plugin may change the draft (`mutate`) or refuse the write (`validate`),
 * by throwing StatusError. The list below is the whole of it, in the order in which the plugins are asked.
 */
import type { ApiResource } from '@slipway/api/resources';
import type { KubeObject } from '@slipway/api/types';
import type { Random } from '@slipway/kit/random';
import type { StrategyContext, UserInfo } from '../registry/strategy.ts';
import type { AdmissionHooks } from '../registry/write-call.ts';
import { defaultTolerationSeconds } from './default-toleration-seconds.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { nodeRestriction } from './node-restriction.ts';
import { roleEscalation } from './role-escalation.ts';
import { serviceAccount } from './service-account.ts';
import type { PolicyRule } from '@slipway/api/types';

export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly user: UserInfo;
  readonly api: ApiResource;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly dryRun: boolean;
}

export interface AdmissionDeps {
  readonly read: StrategyContext['read'];
  /** As `read`, but certain: asks the storage when the cache does not have it. */
  readonly readNewest: (
    resource: string,
    group: string,
    namespace: string | undefined,
    name: string,
    signal: AbortSignal,
  ) => Promise<KubeObject | undefined>;
  readonly random: Random;
  readonly rulesFor: (user: UserInfo, namespace: string | undefined) => readonly PolicyRule[];
  readonly may: (
    user: UserInfo,
    verb: string,
    resource: { group: string; resource: string; namespace: string; name: string },
  ) => boolean;
}

export interface AdmissionPlugin {
  readonly name: string;
  appliesTo(request: AdmissionRequest): boolean;
  mutate?(
    draft: KubeObject | undefined,
    old: KubeObject | undefined,
    request: AdmissionRequest,
    deps: AdmissionDeps,
    signal: AbortSignal,
  ): void | Promise<void>;
  validate?(
    draft: KubeObject | undefined,
    old: KubeObject | undefined,
    request: AdmissionRequest,
    deps: AdmissionDeps,
  ): void;
}

const plugins: readonly AdmissionPlugin[] = [
  namespaceLifecycle,
  serviceAccount,
  defaultTolerationSeconds,
  nodeRestriction,
  roleEscalation,
];

const operations: Readonly<Record<string, AdmissionRequest['operation']>> = {
  create: 'CREATE',
  update: 'UPDATE',
  patch: 'UPDATE',
  delete: 'DELETE',
  deletecollection: 'DELETE',
};

export interface AdmittedWrite {
  readonly user: UserInfo;
  readonly verb: string;
  readonly api: ApiResource;
  readonly address: {
    readonly namespace: string | undefined;
    readonly name: string | undefined;
    readonly subresource: string | undefined;
  };
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

export class Admission {
  readonly #deps: AdmissionDeps;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  /** What the registry calls at the two places of the line. */
  hooks(write: AdmittedWrite): AdmissionHooks {
    const { user, api, dryRun, signal, address } = write;
    const { namespace, name, subresource } = address;
    const operation = operations[write.verb] ?? 'UPDATE';
    const request: AdmissionRequest = { operation, user, api, subresource, namespace, name, dryRun };
    const asked = plugins.filter((plugin) => plugin.appliesTo(request));
    return {
      // Awaits only where a plugin really waits: most writes pass without.
      mutate: (draft, old) => {
        for (const [index, plugin] of asked.entries()) {
          const waiting = plugin.mutate?.(draft, old, request, this.#deps, signal);
          if (waiting) return this.#mutateRest(waiting, asked.slice(index + 1), { draft, old, request, signal });
        }
      },
      validate: (draft, old) => {
        for (const plugin of asked) plugin.validate?.(draft, old, request, this.#deps);
      },
    };
  }

  async #mutateRest(
    waiting: Promise<void>,
    rest: readonly AdmissionPlugin[],
    write: {
      draft: KubeObject | undefined;
      old: KubeObject | undefined;
      request: AdmissionRequest;
      signal: AbortSignal;
    },
  ): Promise<void> {
    await waiting;
    for (const plugin of rest) await plugin.mutate?.(write.draft, write.old, write.request, this.#deps, write.signal);
  }
}
