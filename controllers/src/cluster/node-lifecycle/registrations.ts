import type { Node } from '@slipway/api/types';
import type { EventRecorder } from '@slipway/client/events';
import type { ObjectKey } from '@slipway/client/kinds';

/** A node that is older than this when it is first seen was registered before we came. */
const newMs = 60_000;

/** Tells of nodes that come and go. Which there were is remembered, for one that is gone says nothing any more. */
export class Registrations {
  readonly #known = new Map<ObjectKey, Node>();

  tell(key: ObjectKey, node: Node | undefined, events: EventRecorder, nowMs: number): void {
    const known = this.#known.get(key);
    if (known && known.metadata.uid !== node?.metadata.uid) {
      events.record(nodeEvent(known, 'RemovingNode', `Removing Node ${key} from Controller`));
    }
    if (node && known?.metadata.uid !== node.metadata.uid && nowMs - createdMs(node) < newMs) {
      events.record(nodeEvent(node, 'RegisteredNode', `Registered Node ${key} in Controller`));
    }
    if (node) this.#known.set(key, node);
    else this.#known.delete(key);
  }
}

function nodeEvent(about: Node, reason: string, text: string) {
  return { about, type: 'Normal', reason, message: `Node ${about.metadata.name} event: ${text}` } as const;
}

function createdMs({ metadata }: Node): number {
  return Date.parse(metadata.creationTimestamp ?? '');
}
