import type { Attachment } from '../../spec/types.ts';

/**
 * Who holds which address in one network. An attachment is opened first, then takes addresses; releasing it frees all of
 * them. Several processes may work on one store at once: `open` and `reserve` each have exactly one winner.
 */
export interface ReservationStore {
  /** False when the attachment is open already: then it may hold addresses, and nothing was changed. */
  open(attachment: Attachment): Promise<boolean>;
  /** False when somebody holds the address. The attachment must be open. */
  reserve(attachment: Attachment, address: string): Promise<boolean>;
  /** The addresses it holds, in the order in which it took them; empty when it is not open. */
  addressesOf(attachment: Attachment): Promise<readonly string[]>;
  /** Idempotent. */
  release(attachment: Attachment): Promise<void>;
  attachments(): Promise<readonly Attachment[]>;
  /** Addresses that are held now. A hint: the truth is the answer of `reserve`. */
  held(): Promise<ReadonlySet<string>>;
  /** The address given last from a range set, so that a freed one rests before it is given again. */
  lastReserved(rangeSet: number): Promise<string | undefined>;
  setLastReserved(rangeSet: number, address: string): Promise<void>;
}
