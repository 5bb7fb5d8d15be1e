import type { Header } from './messages.ts';

/** Who answers: one member that is a cluster of its own. Unsigned 64-bit, decimal. */
export interface Identity {
  readonly clusterId: string;
  readonly memberId: string;
}

/** The header of every answer. There is no election, so the term is always the first one. */
export class Headers {
  readonly identity: Identity;

  constructor(identity: Identity) {
    this.identity = identity;
  }

  at(revision: number): Header {
    return { cluster_id: this.identity.clusterId, member_id: this.identity.memberId, revision, raft_term: 1 };
  }
}

export function identityFrom(bytes: Buffer): Identity {
  return { clusterId: String(bytes.readBigUInt64BE(0)), memberId: String(bytes.readBigUInt64BE(8)) };
}
