/** Roles that hold in one namespace of the system. A table: read it as one. */
import { on, read, type Rules, tellEvents } from './policy-rule.ts';

interface NamespaceRole {
  readonly namespace: 'kube-system' | 'kube-public';
  readonly name: string;
  readonly rules: Rules;
  /** Who has it: users by name, service accounts of kube-system by `sa:NAME`. */
  readonly subjects: readonly string[];
  /** The role's name when not given. */
  readonly bindingName?: string;
}

const manager = 'system:kube-controller-manager';
const scheduler = 'system:kube-scheduler';
const authenticationReader = 'extension-apiserver-authentication-reader';

const leaderLock = (name: string, user: string): NamespaceRole => ({
  namespace: 'kube-system',
  name: `system::leader-locking-${name}`,
  rules: [on('core', 'configmaps', 'watch'), on('core', 'configmaps', 'get update', name)],
  subjects: [user, `sa:${name}`],
});

export const namespaceRoles: readonly NamespaceRole[] = [
  {
    namespace: 'kube-system',
    name: 'slipway:dns-installer',
    rules: [on('core', 'services', 'create'), on('core', 'services', 'get', 'kube-dns')],
    subjects: ['system:slipway:dns-installer'],
  },
  {
    namespace: 'kube-system',
    name: 'slipway:dns-settings',
    rules: [on('core', 'configmaps', read, 'kube-dns')],
    subjects: ['group:system:nodes'],
  },
  {
    namespace: 'kube-system',
    name: authenticationReader,
    bindingName: `system::${authenticationReader}`,
    rules: [on('core', 'configmaps', read, 'extension-apiserver-authentication')],
    subjects: [manager, scheduler],
  },
  leaderLock('kube-controller-manager', manager),
  leaderLock('kube-scheduler', scheduler),
  {
    namespace: 'kube-system',
    name: 'system:controller:bootstrap-signer',
    rules: [on('core', 'secrets', read)],
    subjects: ['sa:bootstrap-signer'],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:cloud-provider',
    rules: [on('core', 'configmaps', 'create get list watch')],
    subjects: ['sa:cloud-provider'],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:token-cleaner',
    rules: [on('core', 'secrets', 'delete get list watch'), tellEvents],
    subjects: ['sa:token-cleaner'],
  },
  {
    namespace: 'kube-public',
    name: 'system:controller:bootstrap-signer',
    rules: [on('core', 'configmaps', read), on('core', 'configmaps', 'update', 'cluster-info'), tellEvents],
    subjects: ['sa:bootstrap-signer'],
  },
];
