import type { Network } from './network-types.ts';

export const vniMax = 0xff_ffff;
const firstDerived = 4096;

/**
 * The VXLAN number of an overlay: what its status says, else what its user wants, else one that follows from its uid, so that
 * everybody knows it at once, and two clusters on one machine have different ones. Undefined before the object has a uid.
 */
export function networkVni({ metadata, spec, status }: Network): number | undefined {
  if (status?.vni !== undefined) return status.vni;
  const wanted = Number(spec.options?.vni);
  if (wanted >= 1 && wanted <= vniMax) return wanted;
  return metadata.uid === undefined ? undefined : derivedVni(metadata.uid);
}

/** Above the small numbers that people choose. */
export function derivedVni(uid: string): number {
  return firstDerived + (fnv1a(uid) % (vniMax - firstDerived + 1));
}

/** 32 bits, spread well enough: a collision is what `status.vni` is for. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}
