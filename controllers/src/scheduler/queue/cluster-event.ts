import type { NodeChanges, NodeInfo } from '../cluster/node-info.ts';
import type { PodInfo } from '../pods/pod-info.ts';

/** What happened in the cluster that may let a pending pod fit. */
export type ClusterEvent =
  | { readonly kind: 'nodeAdded'; readonly node: NodeInfo }
  | { readonly kind: 'nodeChanged'; readonly node: NodeInfo; readonly changes: NodeChanges }
  | { readonly kind: 'nodeRemoved'; readonly node: NodeInfo }
  /** A pod has a node now, by us or by others. */
  | { readonly kind: 'podPlaced'; readonly pod: PodInfo; readonly node: NodeInfo }
  /** A pod's room became free, or it asks for less, or its labels are others: it left as it was. */
  | { readonly kind: 'podRemoved'; readonly pod: PodInfo; readonly node: NodeInfo }
  /** A pod no longer claims the room that was made for it. */
  | { readonly kind: 'nominationEnded'; readonly node: NodeInfo }
  | { readonly kind: 'claimChanged'; readonly namespace: string; readonly name: string }
  | { readonly kind: 'volumeChanged'; readonly name: string }
  | { readonly kind: 'storageClassChanged'; readonly name: string }
  | { readonly kind: 'namespaceChanged'; readonly name: string };
