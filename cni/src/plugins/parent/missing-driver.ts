import type { ChildLinkKind } from '../../host/link-step.ts';
import { CniError } from '../../spec/cni-error.ts';

const options: Readonly<Record<ChildLinkKind['kind'], string>> = {
  macvlan: 'CONFIG_MACVLAN, module macvlan',
  ipvlan: 'CONFIG_IPVLAN, module ipvlan',
  vlan: 'CONFIG_VLAN_8021Q, module 8021q',
};

/** The kernel cannot do it, now and for any container: the same code as STATUS gives. */
export function missingDriver(kind: ChildLinkKind['kind'], cause?: unknown): CniError {
  const what = kind === 'vlan' ? '802.1q sub-interfaces' : `${kind} interfaces`;
  return new CniError('pluginNotAvailable', `this kernel has no ${what} (${options[kind]})`, { cause });
}
