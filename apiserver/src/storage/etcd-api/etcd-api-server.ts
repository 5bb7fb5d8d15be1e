/**
 * The embedded store behind the etcd v3 calls that Kubernetes makes, so that several API servers share it. One member
 * that is a cluster of its own. Not there: users and roles of etcd, nested transactions, membership, snapshots (that is
 * `slipway backup`).
 */
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import { StorageError } from '../backend.ts';
import type { EmbeddedStore } from '../embedded/embedded-store.ts';
import { Headers, identityFrom } from './headers.ts';
import { KvService } from './kv-service.ts';
import { LeaseService } from './lease-service.ts';
import { loadServices } from '../etcd-protocol.ts';
import { rpcErrorFrom } from './rpc-errors.ts';
import { requestBytesMax } from './txn.ts';
import { type WatchCall, WatchStream } from './watch-stream.ts';

export interface EtcdApiOptions {
  /** Where to listen; port 0 picks a free one. */
  readonly host: string;
  readonly port: number;
  /** PEM. Clients must show a certificate of the authority. Without it the traffic is in plain text. */
  readonly tls?: { readonly ca: string; readonly certificate: string; readonly privateKey: string };
}

export interface EtcdApiDeps {
  /** Stays open when the server stops. */
  readonly store: EmbeddedStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface EtcdApiServer {
  readonly port: number;
  readonly url: string;
  /** Ends watches, lets calls finish that are under way, for a moment. */
  close(): Promise<void>;
}

/** The release whose behaviour is followed; clients look here for what they may ask. */
const etcdVersion = '3.5.13';

/** What gRPC adds to a request; etcd's figure. */
const overheadBytes = 512 * 1024;

/** Calls of one connection at the same time; more wait at the client. */
const streamsPerConnectionMax = 4_096;

/** Watch and keep-alive streams of all clients. */
const openStreamsMax = 20_000;

const drainMs = 2_000;

/** Rejects when the address cannot be listened on. */
export async function startEtcdApi(options: EtcdApiOptions, deps: EtcdApiDeps): Promise<EtcdApiServer> {
  const { store, clock, random, log } = deps;
  const headers = new Headers(identityFrom(await store.tables.identity(() => random.bytes(16))));
  const server = new Server({
    'grpc.max_receive_message_length': requestBytesMax + overheadBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': streamsPerConnectionMax,
  });
  const streams = new Set<WatchStream>();
  const place = { url: '' };
  const services = loadServices();
  const kv = new KvService(store, headers);
  const leases = new LeaseService(store, headers, random);
  const answering = unaryWith(log);

  server.addService(services.KV, {
    Range: answering((request: Parameters<KvService['range']>[0]) => kv.range(request)),
    Put: answering((request: Parameters<KvService['put']>[0]) => kv.put(request)),
    DeleteRange: answering((request: Parameters<KvService['deleteRange']>[0]) => kv.deleteRange(request)),
    Txn: answering((request: Parameters<KvService['txn']>[0]) => kv.txn(request)),
    Compact: answering((request: Parameters<KvService['compact']>[0]) => kv.compact(request)),
  });
  server.addService(services.Lease, {
    LeaseGrant: answering((request: Parameters<LeaseService['grant']>[0]) => leases.grant(request)),
    LeaseRevoke: answering((request: Parameters<LeaseService['revoke']>[0]) => leases.revoke(request)),
    LeaseTimeToLive: answering((request: Parameters<LeaseService['timeToLive']>[0]) => leases.timeToLive(request)),
    LeaseLeases: answering(() => leases.leases()),
    LeaseKeepAlive: keepAliveWith(leases),
  });
  server.addService(services.Watch, {
    Watch: (call: WatchCall) => {
      if (streams.size >= openStreamsMax) return call.destroy(new Error('too many watch streams'));
      const stream = new WatchStream(call, { store, headers, clock });
      streams.add(stream);
      call.once('close', () => streams.delete(stream));
    },
  });
  server.addService(services.Cluster, {
    MemberList: answering(async () => ({
      header: headers.at(store.head),
      members: [{ ID: headers.identity.memberId, name: 'slipway', peerURLs: [], clientURLs: [place.url] }],
    })),
  });
  server.addService(services.Maintenance, {
    Status: answering(async () => statusOf(store, headers)),
    Alarm: answering(async () => ({ header: headers.at(store.head), alarms: [] })),
  });

  const port = await listen(server, options);
  place.url = `${options.tls ? 'https' : 'http'}://${hostForUrl(options.host)}:${port}`;
  return {
    port,
    url: place.url,
    close: async () => {
      for (const stream of streams) stream.close();
      const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      const cancel = clock.after(drainMs, () => server.forceShutdown());
      await drained;
      cancel();
    },
  };
}

function statusOf(store: EmbeddedStore, headers: Headers): object {
  const { fileBytes, usedBytes } = store.tables.sizes();
  return {
    header: headers.at(store.head),
    version: etcdVersion,
    dbSize: fileBytes,
    dbSizeInUse: usedBytes,
    leader: headers.identity.memberId,
    raftIndex: store.head,
    raftAppliedIndex: store.head,
    raftTerm: 1,
    errors: [],
  };
}

function unaryWith(log: Logger) {
  return <Request>(work: (request: Request) => Promise<object>) =>
    (call: ServerUnaryCall<Request, object>, answer: sendUnaryData<object>): void => {
      work(call.request).then(
        (response) => answer(null, response),
        (error: unknown) => {
          const told = rpcErrorFrom(error);
          if (!(error instanceof StorageError) && told.code === internal) log.error({ err: error }, 'etcd call failed');
          answer(told);
        },
      );
    };
}

/** gRPC's code for what nobody expected. */
const internal = 13;

type KeepAliveCall = Parameters<UntypedServiceImplementation[string]>[0] & {
  on(event: 'data', listener: (request: { readonly ID: string }) => void): void;
  on(event: 'end', listener: () => void): void;
  write(response: object): boolean;
  end(): void;
};

function keepAliveWith(leases: LeaseService) {
  return (call: KeepAliveCall): void => {
    call.on('data', (request) => call.write(leases.keepAlive(request)));
    call.on('end', () => call.end());
  };
}

function listen(server: Server, { host, port, tls }: EtcdApiOptions): Promise<number> {
  const credentials = tls
    ? ServerCredentials.createSsl(
        Buffer.from(tls.ca),
        [{ cert_chain: Buffer.from(tls.certificate), private_key: Buffer.from(tls.privateKey) }],
        true,
      )
    : ServerCredentials.createInsecure();
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host.includes(':') ? `[${host}]` : host}:${port}`, credentials, (error, bound) => {
      if (error)
        reject(new StorageError('unavailable', `listen on ${host}:${port}: ${error.message}`, { cause: error }));
      else resolve(bound);
    });
  });
}

function hostForUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
