export type { UserInfo } from './registry/strategy.ts';
export { type ApiServerConfig, type ApiServerOptions, apiServerConfig, type Limits, pkiDirectory } from './config.ts';
export { type ApiServer, type ApiServerDeps, createApiServer } from './compose.ts';
export type { Connect, ConnectRequest } from './http/connect.ts';
export type { KeyPair } from './pki/issue-certificate.ts';
export { type ClientIdentity, clientIdentities, openPki, type Pki } from './pki/pki.ts';
export type { Backend } from './storage/backend.ts';
export { openEmbeddedStore } from './storage/embedded/embedded-store.ts';
export { openEtcdStore } from './storage/etcd/etcd-store.ts';
