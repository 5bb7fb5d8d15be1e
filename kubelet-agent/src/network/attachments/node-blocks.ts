/**
 * The blocks of addresses that this node holds in each Network. Creating the NetworkSubnet is the reservation: of two nodes that want
 * the same block one learns that it is taken and goes on to the next.
 */
import { createHash } from 'node:crypto';
import { type IpBlock, isInBlock, parseCidr, parseIp } from '@slipway/api/ip-address';
import {
  blocksOf,
  blocksOverlap,
  type EffectiveSubnet,
  effectiveSubnets,
  formatBlock,
  subnetClaimName,
} from '@slipway/api/networks/network-addresses';
import { type Network, networksGroup } from '@slipway/api/networks/network-types';
import { AttachmentError } from './attachment-error.ts';
import type { NetworkObjects } from './network-objects.ts';

interface Held {
  /** A network that was made anew has new blocks. */
  readonly networkUid: string | undefined;
  readonly blocks: readonly IpBlock[];
}

/** Whether the pods of this node have an address in it. */
export type HasAddressIn = (block: IpBlock) => boolean;

export class NodeBlocks {
  readonly #objects: NetworkObjects;
  readonly #held = new Map<string, Held>();
  /** Claims of one network go one after the other, so that two pods that come at once need one block. */
  readonly #claiming = new Map<string, Promise<IpBlock>>();
  /** Pods that are being connected: what they will have is not seen yet. */
  readonly #busy = new Map<string, number>();
  /** Blocks that were empty when looked at last. */
  readonly #idle = new Map<string, Set<string>>();

  constructor(objects: NetworkObjects) {
    this.#objects = objects;
  }

  /** At least one for each family that the network has addresses of, and that `families` asks for. */
  async blocksFor(network: Network, families: readonly (4 | 6)[], signal: AbortSignal): Promise<readonly IpBlock[]> {
    const subnets = effectiveSubnets(network);
    for (const family of families) {
      if (!subnets.some(({ range }) => range.family === family)) continue;
      const held = await this.#heldIn(network, signal);
      if (!held.some((block) => block.family === family)) await this.claim(network, family, signal);
    }
    return this.#heldIn(network, signal);
  }

  /** One more. Throws `AttachmentError` when none is free. */
  async claim(network: Network, family: 4 | 6, signal: AbortSignal): Promise<IpBlock> {
    const key = `${nameOf(network)}/${family}`;
    const running = this.#claiming.get(key);
    if (running) return running;
    const claiming = this.#claim(network, family, signal);
    this.#claiming.set(key, claiming);
    try {
      return await claiming;
    } finally {
      this.#claiming.delete(key);
    }
  }

  async #claim(network: Network, family: 4 | 6, signal: AbortSignal): Promise<IpBlock> {
    const subnets = effectiveSubnets(network).filter(({ range }) => range.family === family);
    const claims = await this.#objects.subnetsOf(nameOf(network), signal);
    const taken = claims.flatMap(({ spec }) => parseCidr(spec.subnet) ?? []);
    for (const subnet of subnets) {
      for (const block of blocksOf(subnet, startFor(this.#objects.nodeName, subnet))) {
        if (taken.some((other) => blocksOverlap(block, other))) continue;
        if (!(await this.#objects.createSubnet(this.#claimOf(network, block), signal))) continue;
        const blocks = [...(await this.#heldIn(network, signal))];
        if (!blocks.some((known) => known.base === block.base && known.family === family)) blocks.push(block);
        this.#held.set(nameOf(network), { networkUid: network.metadata.uid, blocks });
        return block;
      }
    }
    const nodes = new Set(claims.map(({ spec }) => spec.nodeName));
    throw new AttachmentError(
      `Network ${nameOf(network)} has no addresses left: ${nodes.size} nodes hold all of ${subnets.map(({ range }) => formatBlock(range)).join(', ')} (kubectl get networksubnets); add a subnet, or widen spec.subnets[].range`,
    );
  }

  #claimOf(network: Network, block: IpBlock) {
    const name = nameOf(network);
    return {
      apiVersion: `${networksGroup}/v1`,
      kind: 'NetworkSubnet',
      metadata: { name: subnetClaimName(name, block) },
      spec: { network: name, subnet: formatBlock(block), nodeName: this.#objects.nodeName },
    };
  }

  async #heldIn(network: Network, signal: AbortSignal): Promise<readonly IpBlock[]> {
    const name = nameOf(network);
    const known = this.#held.get(name);
    if (known && known.networkUid === network.metadata.uid) return known.blocks;
    const claims = await this.#objects.subnetsOf(name, signal);
    const ranges = effectiveSubnets(network).map(({ range }) => range);
    const blocks = claims
      .filter(({ spec }) => spec.nodeName === this.#objects.nodeName)
      .flatMap(({ spec }) => parseCidr(spec.subnet) ?? [])
      .filter((block) => ranges.some((range) => isInBlock(range, { family: block.family, value: block.base })));
    this.#held.set(name, { networkUid: network.metadata.uid, blocks });
    return blocks;
  }

  /** While `work` runs no block of the network is given back. */
  async during<T>(network: string, work: () => Promise<T>): Promise<T> {
    this.#busy.set(network, (this.#busy.get(network) ?? 0) + 1);
    try {
      return await work();
    } finally {
      this.#busy.set(network, (this.#busy.get(network) ?? 1) - 1);
    }
  }

  /**
   * Gives back the blocks in which nobody has had an address since the look before. Blocks that somebody took away while they were in use are
   * claimed again. Answers what is wrong.
   */
  async giveBack(
    heldAddresses: (network: string) => readonly string[],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const problems: string[] = [];
    const claims = await this.#objects.ownSubnets(signal);
    const claimed = new Set(claims.map(({ metadata }) => metadata.name));
    for (const network of new Set([...claims.map(({ spec }) => spec.network), ...this.#held.keys()])) {
      const inUse = heldAddresses(network).flatMap((text) => parseIp(text) ?? []);
      const isUsed: HasAddressIn = (block) => inUse.some((address) => isInBlock(block, address));
      for (const block of this.#held.get(network)?.blocks ?? []) {
        const name = subnetClaimName(network, block);
        if (claimed.has(name) || !isUsed(block)) continue;
        const object = this.#claimOf({ metadata: { name: network } } as Network, block);
        if (!(await this.#objects.createSubnet(object, signal))) {
          problems.push(
            `block ${formatBlock(block)} of Network ${network} is in use here, and another node has claimed it`,
          );
        }
      }
      const mine = claims.filter(({ spec }) => spec.network === network);
      await this.#giveBackIdle(
        network,
        mine.flatMap(({ spec }) => parseCidr(spec.subnet) ?? []),
        isUsed,
        signal,
      );
    }
    return problems;
  }

  async #giveBackIdle(network: string, blocks: readonly IpBlock[], isUsed: HasAddressIn, signal: AbortSignal) {
    const idleBefore = this.#idle.get(network) ?? new Set();
    const idle = new Set<string>();
    this.#idle.set(network, idle);
    if ((this.#busy.get(network) ?? 0) > 0) return;
    for (const block of blocks.filter((each) => !isUsed(each))) {
      const name = subnetClaimName(network, block);
      if (!idleBefore.has(name)) {
        idle.add(name);
        continue;
      }
      // Nobody takes an address of it from here on.
      const known = this.#held.get(network);
      if (known) {
        const rest = known.blocks.filter((each) => each.base !== block.base || each.family !== block.family);
        this.#held.set(network, { ...known, blocks: rest });
      }
      await this.#objects.deleteSubnet(name, signal);
    }
  }
}

function nameOf({ metadata }: Network): string {
  return metadata.name ?? '';
}

/** Nodes begin at different places, so that they seldom want the same block. */
function startFor(nodeName: string, { subnet }: EffectiveSubnet): bigint {
  const hash = createHash('sha256')
    .update(`${nodeName}/${formatBlock(subnet)}`)
    .digest();
  return BigInt(hash.readUInt32BE(0));
}
