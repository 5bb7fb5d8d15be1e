/** etcd's public protocol files, as the package etcd3 carries them. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { loadSync, type Options, type PackageDefinition } from '@grpc/proto-loader';
import { invariant } from '@slipway/kit/invariant';

type LoadedService = ServiceDefinition;

const names = ['KV', 'Watch', 'Lease', 'Cluster', 'Maintenance'] as const;

export type Services = Readonly<Record<(typeof names)[number], ServiceDefinition>>;

export function loadDefinition(extra: Options = {}): PackageDefinition {
  const folder = dirname(createRequire(import.meta.url).resolve('etcd3/package.json'));
  const options = { keepCase: true, longs: String, defaults: true, oneofs: true, ...extra };
  return loadSync(join(folder, 'proto/rpc.proto'), options);
}

export function loadServices(): Services {
  const root = loadPackageDefinition(loadDefinition()).etcdserverpb as GrpcObject;
  const services = names.map((name) => {
    const found = root[name] as ServiceClientConstructor | undefined;
    invariant(found, `the protocol files describe ${name}`);
    return [name, found.service] as const;
  });
  return Object.fromEntries(services) as Services;
}

export interface Codec {
  encode(message: object): Buffer;
  decode(bytes: Buffer): object;
}

let txnCodec: Codec | undefined;

/** Messages of KV.Txn, with enums as names and 64-bit integers as decimal strings, as the package etcd3 has them. */
export function loadTxnCodec(): Codec {
  if (!txnCodec) {
    const { Txn } = loadDefinition({ enums: String })['etcdserverpb.KV'] as LoadedService;
    invariant(Txn, 'the protocol files describe Txn');
    txnCodec = { encode: Txn.requestSerialize, decode: Txn.responseDeserialize };
  }
  return txnCodec;
}
