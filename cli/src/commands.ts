import { agentFlags, apiServerFlags, type Command, everywhereFlags, storeFlags } from './command.ts';

/** Every command, in the order of the help. What a command needs is loaded when it runs: `slipway version` loads no API server. */
export const commands: readonly Command[] = [
  {
    name: 'up',
    summary: 'all in one: API server, controllers, scheduler, node agent on this machine',
    flags: [...everywhereFlags, ...apiServerFlags, ...agentFlags, 'agent', 'controllers', 'ecs-port'],
    load: async () => (await import('./commands/up.ts')).up,
  },
  {
    name: 'apiserver',
    summary: 'the API server alone',
    flags: [...everywhereFlags, ...apiServerFlags],
    load: async () => (await import('./commands/apiserver.ts')).apiserver,
  },
  {
    name: 'controllers',
    summary: 'controllers and scheduler, against the API server of a kubeconfig; one of several leads',
    flags: [...everywhereFlags, 'kubeconfig', 'pki-dir', 'controllers', 'cluster-cidr'],
    load: async () => (await import('./commands/controllers.ts')).controllers,
  },
  {
    name: 'agent',
    summary: 'the node agent of this machine, against the API server of a kubeconfig',
    flags: [...everywhereFlags, ...agentFlags, 'kubeconfig', 'service-cluster-ip-range'],
    load: async () => (await import('./commands/agent.ts')).agent,
  },
  {
    name: 'down',
    summary: "stop and remove everything that a data directory's cluster made on this machine",
    flags: [...everywhereFlags, 'cluster-cidr', 'service-cluster-ip-range', 'runtime', 'node-name', 'purge'],
    load: async () => (await import('./commands/down.ts')).down,
  },
  {
    name: 'image',
    operands: 'load FILE | pull REF | ls | rm REF',
    summary: "the node's image store",
    flags: [...everywhereFlags, 'registry-config'],
    load: async () => (await import('./commands/image.ts')).image,
  },
  {
    name: 'why',
    operands: 'TYPE/NAME',
    summary: 'the chain of causes that an object is there for, read backwards from the log',
    flags: [...everywhereFlags, 'kubeconfig', 'namespace'],
    load: async () => (await import('./commands/why.ts')).why,
  },
  {
    name: 'cni',
    operands: 'install DIR',
    summary: 'our CNI plugins as executables, for any runtime',
    flags: ['help'],
    load: async () => (await import('./commands/cni.ts')).cni,
  },
  {
    name: 'backup',
    operands: 'FILE',
    summary: 'the whole store at one moment into a file, while the cluster runs or not',
    flags: [...everywhereFlags, ...storeFlags],
    load: async () => (await import('./commands/backup.ts')).backup,
  },
  {
    name: 'restore',
    operands: 'FILE',
    summary: 'a backup into an empty store, of either kind; the cluster is stopped meanwhile',
    flags: [...everywhereFlags, ...storeFlags, 'force', 'bump-revision'],
    load: async () => (await import('./commands/restore.ts')).restore,
  },
  {
    name: 'store',
    summary: 'the embedded store behind the etcd v3 calls that Kubernetes makes, for several API servers',
    flags: [...everywhereFlags, 'listen'],
    load: async () => (await import('./commands/store.ts')).store,
  },
  {
    name: 'version',
    summary: 'print the versions',
    flags: ['help'],
    load: async () => (await import('./commands/version.ts')).version,
  },
];
