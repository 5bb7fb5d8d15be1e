/** What the agent asks the API server about networks, and what it writes there. */
import type {
  Network,
  NetworkAddress,
  NetworkAttachmentDefinition,
  NetworkSubnet,
} from '@slipway/api/networks/network-types';
import { isStatus } from '@slipway/api/status-error';
import type { Transport } from '@slipway/api/transport';
import type { KubeObject } from '@slipway/api/types';
import { Client } from '@slipway/client/client';
import { type Kind, kinds, type ObjectRef } from '@slipway/client/kinds';

export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export class NetworkObjects {
  readonly #client: Client;
  readonly nodeName: string;

  constructor(transport: Transport, nodeName: string) {
    this.#client = new Client(transport);
    this.nodeName = nodeName;
  }

  network(name: string, signal: AbortSignal): Promise<Network | undefined> {
    return this.#find(kinds.networks, { name }, signal);
  }

  definition(namespace: string, name: string, signal: AbortSignal): Promise<NetworkAttachmentDefinition | undefined> {
    return this.#find(kinds.networkAttachmentDefinitions, { namespace, name }, signal);
  }

  async namespaceLabels(name: string, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    return (await this.#find(kinds.namespaces, { name }, signal))?.metadata.labels ?? {};
  }

  /** All blocks of the network that some node holds. */
  async subnetsOf(network: string, signal: AbortSignal): Promise<readonly NetworkSubnet[]> {
    const options = { fieldSelector: `spec.network=${network}`, signal };
    return (await this.#client.list(kinds.networkSubnets, options)).items;
  }

  /** Of this node, in all networks. */
  async ownSubnets(signal: AbortSignal): Promise<readonly NetworkSubnet[]> {
    const options = { fieldSelector: `spec.nodeName=${this.nodeName}`, signal };
    return (await this.#client.list(kinds.networkSubnets, options)).items;
  }

  /** False: another node was faster. */
  async createSubnet(subnet: NetworkSubnet, signal: AbortSignal): Promise<boolean> {
    return this.#create(kinds.networkSubnets, subnet, signal);
  }

  async deleteSubnet(name: string, signal: AbortSignal): Promise<void> {
    await this.#client.delete(kinds.networkSubnets, { name }, { signal }).catch(unlessMissing);
  }

  /** Undefined when it is the pod's now, else who has it. */
  async reserve(address: NetworkAddress, signal: AbortSignal): Promise<NetworkAddress | undefined> {
    for (;;) {
      if (await this.#create(kinds.networkAddresses, address, signal)) return undefined;
      const name = address.metadata.name ?? '';
      const holder = await this.#find(kinds.networkAddresses, { name }, signal);
      if (!holder) continue; // given back in between
      const { pod, nodeName } = holder.spec;
      return pod.uid === address.spec.pod.uid && nodeName === this.nodeName ? undefined : holder;
    }
  }

  /** False: the pod is gone, or another of its name is there. */
  async annotatePod(
    { namespace, name, uid }: PodIdentity,
    annotations: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const patch = { metadata: { uid, annotations } };
    try {
      await this.#client.patch(kinds.pods, { namespace, name }, patch, { subresource: 'status', signal });
      return true;
    } catch (error) {
      if (isStatus(error, 'NotFound') || isStatus(error, 'Conflict') || isStatus(error, 'Invalid')) return false;
      throw error;
    }
  }

  async #find<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await this.#client.get(kind, ref, { signal });
    } catch (error) {
      if (isStatus(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async #create<T extends KubeObject>(kind: Kind<T>, object: T, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#client.create(kind, object, { signal });
      return true;
    } catch (error) {
      if (isStatus(error, 'AlreadyExists')) return false;
      throw error;
    }
  }
}

function unlessMissing(error: unknown): void {
  if (!isStatus(error, 'NotFound')) throw error;
}
