/**
 * Keeps `status` of ValidatingAdmissionPolicies: which generation has been looked at, and what type checking found. Any server may do it, as the
 * write is conditional; it is done once for each generation.
 */
import { isStatus } from '@slipway/api/status-error';
import type { ExpressionWarning, KubeObject, ValidatingAdmissionPolicy } from '@slipway/api/types';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import { DueNames } from '../../registry/due-names.ts';
import type { ServedKinds, ServedResource } from '../../registry/kinds.ts';
import { resourcePrefix } from '../../registry/resource-context.ts';
import { ownCall } from '../../registry/write-call.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { policyGroup } from './policy.ts';
import { type CheckedKind, type KindCatalog, typeCheck } from './type-check.ts';

const policyResource = { group: policyGroup, version: 'v1', resource: 'validatingadmissionpolicies' };
const failureLookMs = 5_000;

export interface PolicyStatusDeps {
  readonly kinds: ServedKinds;
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly log: Logger;
}

export class PolicyStatus {
  readonly #deps: PolicyStatusDeps;
  readonly #due = new DueNames();

  constructor(deps: PolicyStatusDeps) {
    this.#deps = deps;
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = this.#follow();
    await this.#due.run((name) => this.#work(name, signal), signal).finally(stop);
  }

  #follow(): () => void {
    const { objects, clock } = this.#deps;
    const prefix = resourcePrefix(policyResource);
    let stop = objects.subscribe(prefix, undefined, {
      onEvents: (events) => {
        for (const { current } of events) if (current) this.#learn(current.object);
      },
      onEnd: (error) => {
        if (error === undefined) return;
        clock.after(failureLookMs, () => {
          stop = this.#follow();
        });
      },
    });
    for (const { object } of objects.cachedList(prefix)) this.#learn(object);
    return () => stop();
  }

  #learn(object: KubeObject): void {
    if (isLookedAt(object as ValidatingAdmissionPolicy)) return;
    this.#due.add(object.metadata.name ?? '');
  }

  async #work(name: string, signal: AbortSignal): Promise<void> {
    const { kinds, objects, clock, log } = this.#deps;
    try {
      const policy = objects.cached(`${resourcePrefix(policyResource)}${name}`)?.object as
        | ValidatingAdmissionPolicy
        | undefined;
      if (!policy || isLookedAt(policy)) return;
      const warnings = await this.#check(policy, signal);
      const change = (old: KubeObject): KubeObject => {
        if (old.metadata.generation !== policy.metadata.generation) return old;
        const typeChecking = warnings.length === 0 ? {} : { expressionWarnings: warnings };
        return { ...old, status: { observedGeneration: policy.metadata.generation, typeChecking } } as KubeObject;
      };
      await kinds
        .find(policyResource)
        ?.store.update(
          { namespace: undefined, name, endpoint: 'status' },
          (old) => structuredClone(change(old)),
          ownCall(signal, 'update', 'validatingadmissionpolicy-status'),
        );
    } catch (error) {
      if (signal.aborted || isStatus(error, 'NotFound')) return;
      log.warn({ policy: name, reason: messageOf(error) }, 'status of a policy not written');
      clock.after(failureLookMs, () => this.#due.add(name));
    }
  }

  /** Others have their turn after each expression. */
  async #check(policy: ValidatingAdmissionPolicy, signal: AbortSignal): Promise<ExpressionWarning[]> {
    const warnings: ExpressionWarning[] = [];
    for (const warning of typeCheck(policy, catalogOf(this.#deps.kinds))) {
      if (warning) warnings.push(warning);
      await this.#deps.clock.sleep(0, signal);
    }
    return warnings;
  }
}

function isLookedAt({ metadata, status }: ValidatingAdmissionPolicy): boolean {
  return (status?.observedGeneration ?? 0) >= (metadata.generation ?? 1);
}

function catalogOf(kinds: ServedKinds): KindCatalog {
  const checked = (found: ServedResource | undefined): CheckedKind | undefined => {
    if (!found) return undefined;
    const { group, version, kind } = found.api;
    return { kind: { group, version, kind }, schema: found.schema };
  };
  return {
    byResource: (resource) => checked(kinds.find(resource)),
    byKind: ({ group, version, kind }) =>
      checked(kinds.all.find(({ api }) => api.kind === kind && api.group === group && api.version === version)),
  };
}
