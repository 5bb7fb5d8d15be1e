/**
 * Who may import whom, as data. `README.md` shows the same table to people; `architecture.test.ts` holds it.
 * A room is a workspace; inside a workspace a room is a folder below `src/`.
 */

/** Workspace → workspaces that it may import. `testOnly` ones are for its tests alone. */
export const workspaceDoors: Readonly<
  Record<string, { readonly may: readonly string[]; readonly testOnly?: readonly string[] }>
> = {
  kit: { may: [] },
  api: { may: [] },
  cel: { may: ['api'] },
  client: { may: ['api', 'kit'] },
  apiserver: { may: ['api', 'cel', 'kit'], testOnly: ['client'] },
  controllers: { may: ['client', 'api', 'kit'] },
  cni: { may: ['kit'] },
  crds: { may: ['api'], testOnly: ['apiserver', 'kit'] },
  'kubelet-agent': { may: ['client', 'api', 'kit', 'cni'] },
  cli: { may: ['kit', 'api', 'cel', 'client', 'crds', 'apiserver', 'controllers', 'cni', 'kubelet-agent'] },
  e2e: { may: ['kit', 'api', 'cel', 'client', 'apiserver', 'controllers', 'cni', 'crds', 'kubelet-agent', 'cli'] },
  bench: { may: ['kit', 'api', 'cel', 'client', 'apiserver', 'controllers', 'cni', 'kubelet-agent', 'cli'] },
};

/** Public entries beside a room's main one, for those who need a small part and should not load the whole. */
export const sideDoors: readonly string[] = [
  '@slipway/cni/testing',
  '@slipway/kubelet-agent/images',
  '@slipway/kubelet-agent/simulated',
  '@slipway/apiserver/ecs-model',
  '@slipway/apiserver/pki',
  '@slipway/controllers/scheduler',
  '@slipway/controllers/scheduler/testing',
  '@slipway/apiserver/testing',
];

/** Inside one workspace: folder → folders of the same workspace that it must not import. */
export const closedDoors: readonly {
  readonly workspace: string;
  readonly from: string;
  readonly to: readonly string[];
}[] = [
  {
    workspace: 'apiserver',
    from: 'storage',
    to: ['http', 'authn', 'authz', 'admission', 'registry', 'discovery', 'dialects'],
  },
  { workspace: 'apiserver', from: 'registry', to: ['http', 'authn', 'authz', 'dialects'] },
  { workspace: 'apiserver', from: 'registry', to: ['custom-resources'] },
  { workspace: 'apiserver', from: 'custom-resources', to: ['http', 'authn', 'authz', 'dialects'] },
  { workspace: 'apiserver', from: 'authn', to: ['http', 'dialects'] },
  { workspace: 'apiserver', from: 'authz', to: ['http', 'dialects'] },
  { workspace: 'apiserver', from: 'admission', to: ['http', 'dialects'] },
  { workspace: 'apiserver', from: 'discovery', to: ['http', 'authn', 'authz', 'admission', 'storage', 'dialects'] },
  { workspace: 'apiserver', from: 'storage/etcd', to: ['storage/embedded'] },
  { workspace: 'apiserver', from: 'storage/embedded', to: ['storage/etcd'] },
  {
    workspace: 'kubelet-agent',
    from: 'runtime',
    to: ['pods', 'images', 'volumes', 'probes', 'network', 'server', 'proxy', 'dns'],
  },
  {
    workspace: 'kubelet-agent',
    from: 'images',
    to: ['pods', 'volumes', 'probes', 'network', 'server', 'proxy', 'dns'],
  },
  {
    workspace: 'kubelet-agent',
    from: 'volumes',
    to: ['pods', 'runtime', 'images', 'probes', 'network', 'server', 'proxy', 'dns'],
  },
  {
    workspace: 'kubelet-agent',
    from: 'probes',
    to: ['pods', 'runtime', 'images', 'volumes', 'network', 'server', 'proxy', 'dns'],
  },
  {
    workspace: 'kubelet-agent',
    from: 'network',
    to: ['pods', 'images', 'volumes', 'probes', 'server', 'proxy', 'dns'],
  },
  { workspace: 'kubelet-agent', from: 'proxy', to: ['pods', 'runtime', 'images', 'volumes', 'probes', 'server'] },
  {
    workspace: 'kubelet-agent',
    from: 'dns',
    to: ['pods', 'runtime', 'images', 'volumes', 'probes', 'server', 'proxy'],
  },
];

/** Files that decide: no module of the platform with side effects may come in, not even indirectly by name. */
export const pureFiles: readonly RegExp[] = [
  /^lib\/api\/src\//,
  /^lib\/cel\/src\//,
  /\/plan(-[a-z-]+)?\.ts$/,
  /\/[a-z-]*-status\.ts$/,
  /\/ruleset[a-z-]*\.ts$/,
];

/** Node modules that are pure functions and may be used by pure files outside lib/api. */
export const pureNodeModules: readonly string[] = ['node:net', 'node:util', 'node:crypto', 'node:path'];
