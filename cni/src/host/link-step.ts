/** A link that hangs on another one, its parent. */
export type ChildLinkKind =
  | {
      readonly kind: 'macvlan';
      readonly mode: keyof typeof macvlanModes;
      /** Broadcast frames that may wait; the kernel's default when absent. */
      readonly broadcastQueueLength?: number | undefined;
    }
  | { readonly kind: 'ipvlan'; readonly mode: keyof typeof ipvlanModes; readonly flag: keyof typeof ipvlanFlags }
  | { readonly kind: 'vlan'; readonly id: number };

/** Numbers of linux/if_link.h. */
export const macvlanModes = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;
export const ipvlanModes = { l2: 0, l3: 1, l3s: 2 } as const;
export const ipvlanFlags = { bridge: 0, private: 1, vepa: 2 } as const;

/** What is done to links, addresses and routes, as plain data. `kernel-host.ts` carries it out. */
export type LinkStep =
  | {
      /** Makes a pair of virtual Ethernet links at once, its far end already in another namespace. */
      readonly step: 'addVethPair';
      readonly name: string;
      readonly mac: string;
      readonly mtu: number | undefined;
      readonly peer: { readonly name: string; readonly mac: string; readonly netns: string };
    }
  | {
      readonly step: 'addChildLink';
      readonly name: string;
      /** Looked up in the namespace that is acted in. */
      readonly parent: string;
      readonly child: ChildLinkKind;
      readonly mac?: string | undefined;
      readonly mtu?: number | undefined;
      /** From the first moment, unlike an alias: who made it can be told after any crash. */
      readonly group?: number | undefined;
      /** Where it is made, when not in the namespace that is acted in. */
      readonly netns?: string | undefined;
    }
  | {
      readonly step: 'addLoneLink';
      readonly name: string;
      readonly kind: 'bridge' | 'dummy';
      readonly mac?: string | undefined;
      readonly mtu?: number | undefined;
      readonly group?: number | undefined;
    }
  | { readonly step: 'renameLink'; readonly name: string; readonly newName: string }
  | { readonly step: 'addAlternativeName'; readonly name: string; readonly alternativeName: string }
  | { readonly step: 'deleteAlternativeName'; readonly alternativeName: string }
  | {
      readonly step: 'setLink';
      readonly name: string;
      readonly isUp: boolean;
      readonly alias?: string;
      /** Name of the bridge that it becomes a port of. */
      readonly master?: string;
    }
  | {
      readonly step: 'setBridgePort';
      readonly name: string;
      readonly hairpin: boolean;
      readonly isolated: boolean;
    }
  | {
      /** Of a bridge that filters VLANs. */
      readonly step: 'setPortVlans';
      readonly name: string;
      /** Frames without a tag belong to the native one, and leave it without a tag. */
      readonly add: readonly { readonly id: number; readonly isNative: boolean }[];
      readonly remove: readonly number[];
    }
  | { readonly step: 'deleteLink'; readonly name: string }
  | {
      readonly step: 'addAddress';
      readonly link: string;
      /** `10.64.0.5/32` */
      readonly address: string;
      /** IPv6 only: in use at once, without looking for somebody else who has it. */
      readonly skipsDuplicateDetection: boolean;
    }
  | {
      readonly step: 'addRoute';
      readonly link: string;
      /** A network, or a lone address. */
      readonly destination: string;
      readonly gateway?: string;
      readonly mtu?: number;
      readonly advmss?: number;
      readonly priority?: number;
      readonly table?: number;
      readonly scope?: number;
    };

/** For error messages: what `ip` would have been told. */
export function describeLinkStep(step: LinkStep): string {
  switch (step.step) {
    case 'addVethPair':
      return `add veth link ${step.name} with peer ${step.peer.name} in ${step.peer.netns}`;
    case 'addChildLink':
      return `add ${step.child.kind} link ${step.name} on ${step.parent}${step.netns ? ` in ${step.netns}` : ''}`;
    case 'addLoneLink':
      return `add ${step.kind} link ${step.name}`;
    case 'renameLink':
      return `rename link ${step.name} to ${step.newName}`;
    case 'addAlternativeName':
      return `add alternative name ${step.alternativeName} to link ${step.name}`;
    case 'deleteAlternativeName':
      return `delete alternative name ${step.alternativeName}`;
    case 'setLink':
      return `set link ${step.name} ${step.isUp ? 'up' : 'down'}${step.master ? ` as a port of ${step.master}` : ''}`;
    case 'setBridgePort':
      return `set bridge port ${step.name}`;
    case 'setPortVlans':
      return `set VLANs ${step.add.map(({ id }) => id).join(', ')} of bridge port ${step.name}`;
    case 'deleteLink':
      return `delete link ${step.name}`;
    case 'addAddress':
      return `add address ${step.address} to link ${step.link}`;
    case 'addRoute':
      return `add route ${step.destination}${step.gateway ? ` via ${step.gateway}` : ''} on link ${step.link}`;
  }
}
