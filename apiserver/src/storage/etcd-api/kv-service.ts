/** KV: Range, Put, DeleteRange, Txn, Compact. */
import type { EmbeddedStore } from '../embedded/embedded-store.ts';
import type { Headers } from './headers.ts';
import type {
  DeleteRangeRequest,
  DeleteRangeResponse,
  Header,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from './messages.ts';
import { checkRevision, durableSource, rangeReply } from './range.ts';
import { rpcError } from './rpc-errors.ts';
import { Applier, checkPut, checkTxn } from './txn.ts';

export class KvService {
  readonly #store: EmbeddedStore;
  readonly #headers: Headers;

  constructor(store: EmbeddedStore, headers: Headers) {
    this.#store = store;
    this.#headers = headers;
  }

  async range(request: RangeRequest): Promise<RangeResponse> {
    if (request.key.length === 0) throw rpcError('emptyKey');
    const source = durableSource(this.#store);
    checkRevision(request, source.revision, this.#store.compacted);
    return { header: this.#headers.at(source.revision), ...rangeReply(request, source) };
  }

  async put(request: PutRequest): Promise<PutResponse> {
    checkPut(request);
    return this.#apply((applier) => applier.singlePut(request));
  }

  async deleteRange(request: DeleteRangeRequest): Promise<DeleteRangeResponse> {
    if (request.key.length === 0) throw rpcError('emptyKey');
    return this.#apply((applier) => applier.deleteRange(request));
  }

  async txn(request: TxnRequest): Promise<TxnResponse> {
    checkTxn(request);
    return this.#apply((applier) => applier.txn(request));
  }

  async compact({ revision: asked }: { readonly revision: string }): Promise<{ readonly header: Header }> {
    const revision = Number(asked);
    if (revision <= this.#store.compacted) throw rpcError('compacted');
    if (revision > this.#store.head) throw rpcError('futureRevision');
    await this.#store.compact(BigInt(revision), neverAborted);
    return { header: this.#headers.at(this.#store.head) };
  }

  async #apply<T extends object>(work: (applier: Applier) => T): Promise<T & { readonly header: Header }> {
    const { revision, result } = await this.#store.transact((transaction) =>
      work(new Applier(this.#store, transaction)),
    );
    return { ...result, header: this.#headers.at(revision) };
  }
}

const neverAborted = new AbortController().signal;
