/** Pure: what a pod's annotation says about its networks, by the Network Plumbing Working Group's de-facto standard. */
import type { CniResult } from '@slipway/cni';

export const networkStatusAnnotation = 'k8s.v1.cni.cncf.io/network-status';

export interface AttachedNetwork {
  /** `NAMESPACE/NAME` of a definition, the name of a Network. */
  readonly name: string;
  readonly ifName: string;
  /** The pod's own, by which services reach it. */
  readonly isDefault: boolean;
  readonly result: CniResult;
}

export function networkStatus(attached: readonly AttachedNetwork[]): string {
  return JSON.stringify(attached.map(elementOf), null, 4);
}

function elementOf({ name, ifName, isDefault, result }: AttachedNetwork): object {
  const inPod = result.interfaces.find((each) => each.name === ifName && each.sandbox);
  return {
    name,
    interface: ifName,
    ips: addressesOf(result),
    ...(inPod?.mac ? { mac: inPod.mac } : {}),
    ...(inPod?.mtu ? { mtu: inPod.mtu } : {}),
    default: isDefault,
    dns: result.dns,
  };
}

/** Without prefix lengths. */
export function addressesOf({ ips }: Pick<CniResult, 'ips'>): readonly string[] {
  return ips.map(({ address }) => address.split('/')[0] ?? '').filter((ip) => ip !== '');
}
