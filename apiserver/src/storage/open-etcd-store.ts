import type { Backend } from './backend.ts';
import type { EtcdStoreOptions } from './etcd/etcd-store.ts';

/** gRPC and its protocol files take a while and much memory to load: only who uses etcd pays for them. */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Backend> {
  const etcd = await import('./etcd/etcd-store.ts');
  return etcd.openEtcdStore(options);
}
