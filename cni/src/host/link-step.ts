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
    case 'setLink':
      return `set link ${step.name} ${step.isUp ? 'up' : 'down'}${step.master ? ` as a port of ${step.master}` : ''}`;
    case 'setBridgePort':
      return `set bridge port ${step.name}`;
    case 'deleteLink':
      return `delete link ${step.name}`;
    case 'addAddress':
      return `add address ${step.address} to link ${step.link}`;
    case 'addRoute':
      return `add route ${step.destination}${step.gateway ? ` via ${step.gateway}` : ''} on link ${step.link}`;
  }
}
