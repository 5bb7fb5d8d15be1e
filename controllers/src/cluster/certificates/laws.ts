import { signers } from '@slipway/api/certificates/signers';
import { keyOf, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws, Move } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';
import { type Csr, hasCondition } from './csr.ts';

const requests = kinds.certificateSigningRequests;
const hourMs = 3600_000;

/** A request of the node n1, made once with openssl. */
const pem = `-----BEGIN CERTIFICATE REQUEST-----
MIHrMIGSAgEAMDAxFTATBgNVBAoMDHN5c3RlbTpub2RlczEXMBUGA1UEAwwOc3lz
dGVtOm5vZGU6bjEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARhT/lY/cnBSOFf
FXiqs1P1v4/V3UgHLJHcrgFFXZJwyfgrxIKNtcNpWCu/C/X37gdiA6TLUAckSUpZ
Mqv4cehKoAAwCgYIKoZIzj0EAwIDSAAwRQIgBUEy9MBmIkkqY0BJslNZax86IhH8
N15frYO+F4W1IOoCIQCewQdhIOh1nl1eHZrfPL/62aaC4ox6Ku0WzpNziv9bBA==
-----END CERTIFICATE REQUEST-----
`;

const moves: Readonly<Record<string, Move>> = {
  'a request comes': (server, dice) => {
    if (!server.get(requests, `r${dice % 5}`)) put(server, `r${dice % 5}`, Math.floor(dice / 5));
  },
  'somebody approves': (server, dice) => decide(server, dice, 'Approved'),
  'somebody denies': (server, dice) => decide(server, dice, 'Denied'),
};

export const csrApprovingLaws: ControllerLaws = {
  controller: 'csrapproving',
  primary: requests,
  start: (server) => put(server, 'r0', 0),
  moves,
  mayWrite: ({ kindId, subresource }) =>
    kindId === 'certificatesigningrequests.certificates.k8s.io' && subresource === 'approval',
  never: ({ before }) => (hasCondition(before as Csr, 'Denied') ? 'it was denied' : undefined),
};

export const csrSigningLaws: ControllerLaws = {
  controller: 'csrsigning',
  primary: requests,
  start: (server) => put(server, 'r0', 0),
  moves,
  never: ({ before }) => (hasCondition(before as Csr, 'Approved') ? undefined : 'nobody has approved it'),
};

export const csrCleaningLaws: ControllerLaws = {
  controller: 'csrcleaner',
  primary: requests,
  start: (server) => put(server, 'r0', 0),
  moves,
  mayWrite: ({ kindId, verb }) => kindId === 'certificatesigningrequests.certificates.k8s.io' && verb === 'delete',
  restsAfterMs: 25 * hourMs,
  atRest: (server) =>
    server.list(requests).every(({ metadata }) => metadata.deletionTimestamp) ? undefined : 'old requests stay',
};

function put(server: MemoryServer, name: string, dice: number): void {
  server.put(requests, {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name },
    spec: {
      request: Buffer.from(pem).toString('base64'),
      signerName: dice % 3 === 0 ? 'example.com/other' : signers.kubeletClient,
      usages: dice % 3 === 1 ? ['server auth'] : ['client auth', 'digital signature'],
      username: 'system:node:n1',
    },
  });
}

function decide(server: MemoryServer, dice: number, type: string): void {
  const csr = pick(server.list(requests), dice);
  if (!csr || hasCondition(csr, type)) return;
  const now = formatTime(server.nowMs);
  const condition = { type, status: 'True', reason: keyOf(csr), lastUpdateTime: now, lastTransitionTime: now };
  const conditions = [...(csr.status?.conditions ?? []), condition];
  server.put(requests, { ...csr, status: { ...csr.status, conditions } });
}
