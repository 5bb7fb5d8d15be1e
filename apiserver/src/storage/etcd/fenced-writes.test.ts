import type { IKeyValue, IRangeRequest, IRangeResponse, IRequestOp, ITxnRequest, ITxnResponse } from 'etcd3';
import * as fc from 'fast-check';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { StorageError, type WriteResult } from '../backend.ts';
import { causeKeyOf, decodeValue, encodeValue, marked } from './envelope.ts';
import { FencedWrites } from './fenced-writes.ts';

/** What becomes of a transaction: its answer is lost in all cases but the first. */
type Fate = 'answered' | 'carried out' | 'never arrives' | 'arrives late';

/** As much of etcd as transactions with comparisons of revisions and reads at older ones need, whose answers get lost. */
class LossyEtcd {
  readonly #versions = new Map<string, { readonly revision: number; readonly value: Buffer | undefined }[]>();
  readonly #late: ITxnRequest[] = [];
  readonly #fates: Fate[];
  #revision = 1;
  #leases = 0;

  constructor(fates: readonly Fate[]) {
    this.#fates = [...fates];
  }

  readonly options = {
    clock: systemClock,
    send: async (request: ITxnRequest): Promise<ITxnResponse> => {
      const fate = this.#fates.shift() ?? 'answered';
      if (fate === 'arrives late') this.#late.push(request);
      const response = fate === 'answered' || fate === 'carried out' ? this.#apply(request) : undefined;
      if (fate === 'answered' && response) return response;
      throw new StorageError('unknownOutcome', 'lost');
    },
    range: async (request: IRangeRequest) => this.#range(request) as unknown as IRangeResponse,
    grant: async () => String(++this.#leases),
    put: async (key: string) => {
      this.#set(key, Buffer.alloc(0), ++this.#revision);
      return BigInt(this.#revision);
    },
  };

  /** The halted leader wakes up. Answers how many of its transactions still changed something. */
  deliverLate(): number {
    return this.#late.splice(0).filter((request) => this.#apply(request).succeeded).length;
  }

  values(key: string): (string | undefined)[] {
    return (this.#versions.get(key) ?? []).map(({ value }) => value && decodeValue(value).value.toString());
  }

  #apply({ compare = [], success = [], failure = [] }: ITxnRequest): ITxnResponse {
    const succeeded = compare.every(
      (one) => String(this.#newest(String(one.key))?.mod_revision ?? 0) === one.mod_revision,
    );
    if (succeeded) this.#revision++;
    const responses = (succeeded ? success : failure).map((op) => this.#operate(op));
    return { header: { revision: String(this.#revision) }, succeeded, responses } as unknown as ITxnResponse;
  }

  #operate({ request_put: put, request_delete_range: remove, request_range: read }: IRequestOp) {
    if (put) this.#set(String(put.key), put.value as Buffer, this.#revision);
    if (remove) this.#set(String(remove.key), undefined, this.#revision);
    return read ? { response_range: this.#range(read) } : {};
  }

  #set(key: string, value: Buffer | undefined, revision: number): void {
    this.#versions.set(key, [...(this.#versions.get(key) ?? []), { revision, value }]);
  }

  #range({ key, revision }: IRangeRequest) {
    const found = this.#newest(String(key), revision === undefined ? undefined : Number(revision));
    return { kvs: found ? [found] : [] };
  }

  #newest(key: string, at = Number.POSITIVE_INFINITY): IKeyValue | undefined {
    const found = this.#versions.get(key)?.findLast(({ revision }) => revision <= at);
    const revision = String(found?.revision);
    if (!found?.value) return undefined;
    return {
      key: Buffer.from(key),
      value: found.value,
      mod_revision: revision,
      create_revision: revision,
    } as IKeyValue;
  }
}

const fate = fc.constantFrom<Fate>('answered', 'carried out', 'never arrives', 'arrives late');
/** What was late may come after any of the writes that follow. */
const step = fc.record({ isRemoval: fc.boolean(), thenLate: fc.boolean() });
const key = '/registry/core/configmaps/a';

async function putText(writes: FencedWrites, text: string, expected: bigint): Promise<WriteResult> {
  const changes = (mark: string): IRequestOp[] => [
    { request_put: { key: Buffer.from(key), value: encodeValue(Buffer.from(text), '{}', mark) } },
  ];
  return writes.change(key, expected, changes, neverAborted);
}

async function remove(writes: FencedWrites, expected: bigint): Promise<WriteResult> {
  const changes = (mark: string): IRequestOp[] => [
    { request_delete_range: { key: Buffer.from(key) } },
    { request_put: { key: Buffer.from(causeKeyOf(key)), value: Buffer.from(marked('{}', mark)) } },
  ];
  return writes.change(key, expected, changes, neverAborted);
}

describe('FencedWrites', () => {
  it('carries out each write once, whatever happens to its answers, and nothing late', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fate, { maxLength: 12 }), fc.array(step, { maxLength: 5 }), async (fates, steps) => {
        const etcd = new LossyEtcd(fates);
        const writes = new FencedWrites(etcd.options);
        const expectedValues: (string | undefined)[] = [];
        let revision = 0n;
        for (const [i, { isRemoval, thenLate }] of steps.entries()) {
          const isGone = revision === 0n;
          const result =
            isRemoval && !isGone ? await remove(writes, revision) : await putText(writes, `${i}`, revision);
          // Answered as it was carried out: at its own revision.
          expect(result.outcome).toBe('written');
          expectedValues.push(isRemoval && !isGone ? undefined : `${i}`);
          revision = isRemoval && !isGone ? 0n : result.outcome === 'written' ? result.revision : 0n;
          if (thenLate) expect(etcd.deliverLate()).toBe(0);
        }
        expect(etcd.deliverLate()).toBe(0);
        expect(etcd.values(key)).toEqual(expectedValues);
      }),
      { numRuns: 300 },
    );
  });

  it('lets one of two writers of the same have it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fate, { maxLength: 10 }), async (fates) => {
        const etcd = new LossyEtcd(fates);
        const writers = [new FencedWrites(etcd.options), new FencedWrites(etcd.options)];
        const results = await Promise.allSettled(writers.map((writer) => putText(writer, 'same', 0n)));
        const outcomes = results.map((result) => (result.status === 'fulfilled' ? result.value.outcome : 'unknown'));
        expect(outcomes.filter((outcome) => outcome === 'written').length).toBeLessThanOrEqual(1);
        etcd.deliverLate();
        expect(etcd.values(key)).toEqual(['same']);
        if (!outcomes.includes('unknown')) expect(outcomes.toSorted()).toEqual(['conflict', 'written']);
      }),
      { numRuns: 300 },
    );
  });
});
