/** etcd's public protocol files, as the package etcd3 carries them. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { invariant } from '@slipway/kit/invariant';

const names = ['KV', 'Watch', 'Lease', 'Cluster', 'Maintenance'] as const;

export type Services = Readonly<Record<(typeof names)[number], ServiceDefinition>>;

export function loadServices(): Services {
  const folder = dirname(createRequire(import.meta.url).resolve('etcd3/package.json'));
  const definition = loadSync(join(folder, 'proto/rpc.proto'), {
    keepCase: true,
    longs: String,
    defaults: true,
    oneofs: true,
  });
  const root = loadPackageDefinition(definition).etcdserverpb as GrpcObject;
  const services = names.map((name) => {
    const found = root[name] as ServiceClientConstructor | undefined;
    invariant(found, `the protocol files describe ${name}`);
    return [name, found.service] as const;
  });
  return Object.fromEntries(services) as Services;
}
