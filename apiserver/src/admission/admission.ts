/**
 * Admission: rules about a write that are not the kind's own. The chain of plugins (`chain.ts`) is asked twice: to change the draft, and
 * after the kind's own rules to refuse it. Which plugins look at a kind of write is worked out once and remembered.
 */
import { builtInSchemas } from '@slipway/api/schema/built-in-schemas';
import type { KubeObject } from '@slipway/api/types';
import type { ServedResource } from '../registry/kinds.ts';
import type { UserInfo } from '../registry/strategy.ts';
import type { AdmissionHooks } from '../registry/write-call.ts';
import {
  type AdmissionDeps,
  type AdmissionPlugin,
  type AdmissionRequest,
  type AdmissionWrite,
  isTargeted,
  type Operation,
  type Subject,
} from './plugin.ts';
import { inTurn, measured, type Step, stepOf } from './step.ts';

const operations: Readonly<Record<string, Operation>> = {
  create: 'CREATE',
  update: 'UPDATE',
  patch: 'UPDATE',
  delete: 'DELETE',
  deletecollection: 'DELETE',
  connect: 'CONNECT',
};

export interface WriteToAdmit {
  readonly user: UserInfo;
  readonly verb: string;
  readonly served: ServedResource;
  readonly address: {
    readonly namespace: string | undefined;
    readonly name: string | undefined;
    readonly subresource: string | undefined;
  };
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly warnings: string[];
  /** Takes what is to be remembered of the write; see `Cause.annotations`. */
  readonly annotate?: (key: string, value: string) => void;
}

/** Those of the chain that look at one kind of write. */
interface Asked {
  readonly mutating: Step;
  readonly validating: Step;
  /** Both steps of those who are asked about what travels. */
  readonly reviewing: readonly Step[];
}

export class Admission {
  readonly #chain: readonly AdmissionPlugin[];
  readonly #deps: AdmissionDeps;
  /** By resource, then by operation and subresource; what is served no longer takes its entries along. */
  readonly #asked = new WeakMap<ServedResource, Map<string, Asked>>();

  constructor(chain: readonly AdmissionPlugin[], deps: AdmissionDeps) {
    this.#chain = chain;
    this.#deps = deps;
  }

  /** What the registry calls at the two places of the line. */
  hooks({ user, verb, served, address, dryRun, signal, warnings, annotate = () => {} }: WriteToAdmit): AdmissionHooks {
    const { namespace, name, subresource } = address;
    const operation = operations[verb] ?? 'UPDATE';
    const subject = subjectOf(served, subresource);
    const request = { operation, user, api: served.api, served, subresource, subject, namespace, name, dryRun };
    const { mutating, validating, reviewing } = this.#askedAbout(request);
    const deps = this.#deps;
    const writeOf = (draft: KubeObject | undefined, old: KubeObject | undefined): AdmissionWrite => ({
      request,
      draft,
      old,
      signal,
      warnings,
      annotate,
      wantsRerun: false,
      isRerun: false,
      webhooksRun: undefined,
    });
    return {
      mutate: (draft, old) => {
        if (mutating.turns.length === 0) return;
        const write = writeOf(draft, old);
        const again = () => {
          if (!write.wantsRerun) return;
          write.isRerun = true;
          return inTurn(mutating, write, deps);
        };
        return measured(mutating, deps, () => {
          const waiting = inTurn(mutating, write, deps);
          return waiting ? waiting.then(again) : again();
        });
      },
      validate: (draft, old) => {
        if (validating.turns.length === 0) return;
        return measured(validating, deps, () => inTurn(validating, writeOf(draft, old), deps));
      },
      review: async (draft, old) => {
        if (reviewing.length === 0) return;
        const write = writeOf(draft, old);
        for (const step of reviewing) await measured(step, deps, () => inTurn(step, write, deps));
      },
      release: async () => {
        for (const { plugin } of validating.turns) await plugin.release?.(request, deps);
      },
    };
  }

  #askedAbout(request: AdmissionRequest): Asked {
    const { operation, served, subresource } = request;
    const key = subresource === undefined ? operation : `${operation} ${subresource}`;
    let ofResource = this.#asked.get(served);
    if (!ofResource) {
      ofResource = new Map();
      this.#asked.set(served, ofResource);
    }
    const known = ofResource.get(key);
    if (known) return known;
    const looking = this.#chain.filter(({ on }) => isTargeted(on, request));
    // What travels is looked at when it comes, and not again when the object behind it is written.
    const isReviewed = request.subject !== undefined && subresource !== 'token';
    const own = looking.filter(({ asksOthers }) => !(isReviewed && asksOthers));
    const others = isReviewed ? looking.filter(({ asksOthers }) => asksOthers) : [];
    const asked: Asked = {
      mutating: stepOf('mutate', own, operation),
      validating: stepOf('validate', own, operation),
      reviewing:
        others.length === 0 ? [] : [stepOf('mutate', others, operation), stepOf('validate', others, operation)],
    };
    ofResource.set(key, asked);
    return asked;
  }
}

/** Kinds of subresources that are not the resource's own. */
function subjectOf({ api }: ServedResource, name: string | undefined): Subject | undefined {
  if (name === undefined) return undefined;
  const subresource = api.subresources.find((each) => each.name === name);
  if (!subresource || subresource.kind === api.kind) return undefined;
  const { group, version, kind } = subresource;
  return { kind: { group, version, kind }, schema: builtInSchemas.kind(subresource) };
}
