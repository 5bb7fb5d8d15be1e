import type { EtcdApiDeps, EtcdApiOptions, EtcdApiServer } from './etcd-api/etcd-api-server.ts';

/** gRPC and its protocol files take a while and much memory to load: only who serves a store pays for them. */
export async function serveStore(options: EtcdApiOptions, deps: EtcdApiDeps): Promise<EtcdApiServer> {
  const { startEtcdApi } = await import('./etcd-api/etcd-api-server.ts');
  return startEtcdApi(options, deps);
}
