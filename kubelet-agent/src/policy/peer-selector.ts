import { type LabelMatcher, matcherOf } from '@slipway/api/selector';
import type { NetworkPolicyPeer } from '@slipway/api/types';

/** Which pods a peer means: of one namespace (the policy's own), or of the namespaces with certain labels. */
export interface PeerSelector {
  /** Equal for selectors that select the same. */
  readonly key: string;
  readonly namespace: string | undefined;
  /** Set when `namespace` is not. */
  readonly namespaces: LabelMatcher | undefined;
  readonly pods: LabelMatcher;
}

/** A peer of pods. Without `podSelector` all pods of the selected namespaces. */
export function peerSelectorFrom({ podSelector, namespaceSelector }: NetworkPolicyPeer, own: string): PeerSelector {
  const pods = matcherOf(podSelector ?? {});
  const namespaces = namespaceSelector && matcherOf(namespaceSelector);
  const key = namespaces ? `namespaces ${namespaces} pods ${pods}` : `namespace=${own} pods ${pods}`;
  return { key, namespace: namespaces ? undefined : own, namespaces, pods };
}

/** Every pod: whom a named port without peers means. */
export const everyPod: PeerSelector = peerSelectorFrom({ namespaceSelector: {} }, '');
