/**
 * What is reserved in a Network for somebody (a block of addresses for a node, an address for a pod) is given back when
 * the Network or its holder is gone. The reservation is an object that its agent created; nobody else would remove it.
 */
import type { Network } from '@slipway/api/networks/network-types';
import type { KubeObject } from '@slipway/api/types';
import { keyOf, type Kind, kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { type ControllerDefinition, indexOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import type { Plan } from '../../runtime/step.ts';

type Reservation = KubeObject & { readonly spec: { readonly network: string } };

export interface ReservationRules<R extends Reservation, H extends KubeObject> {
  readonly name: string;
  readonly kind: Kind<R>;
  readonly holders: Kind<H>;
  /** The key of whoever holds it. */
  holderOf(reservation: R): ObjectKey;
  /** Whether what has the holder's key now holds it still. */
  holds(holder: H, reservation: R): boolean;
  /** Whether this holder holds nothing any more, though it is there. */
  hasEnded(holder: H): boolean;
}

interface Observed<R extends Reservation, H extends KubeObject> {
  readonly reservation: R;
  readonly network: Network | undefined;
  readonly holder: H | undefined;
  /** What is missing of the two is not there: the view of its kind is as young as the reservation. */
  readonly isCertain: boolean;
}

/** A view that is behind catches up; where nothing happens, the server says so once a minute. */
const againMs = 1_000;
const certainAfterMs = 90_000;

export function reservationController<R extends Reservation, H extends KubeObject>(
  rules: ReservationRules<R, H>,
): ControllerDefinition {
  const { name, kind, holders } = rules;
  const networkIndex = `${name}-of-network`;
  const holderIndex = `${name}-of-holder`;
  const namesBy = (caches: Caches, index: string, value: string) =>
    caches.byIndex(kind, index, value).map(({ metadata }) => metadata.name ?? '');
  return definitionFrom({
    name,
    component: 'networks-controller',
    account: 'networks-controller',
    primary: kind,
    triggers: [
      {
        on: kinds.networks,
        changes: ({ after, before }, caches) =>
          after ? [] : namesBy(caches, networkIndex, before?.metadata.name ?? ''),
      },
      {
        on: holders,
        changes: ({ after, before }, caches) => {
          const holder = after ?? before;
          if (!holder || (after && !rules.hasEnded(after as H))) return [];
          return namesBy(caches, holderIndex, keyOf(holder));
        },
      },
    ],
    indexes: [
      indexOn(kind, networkIndex, ({ spec }) => [spec.network]),
      indexOn(kind, holderIndex, (reservation) => [rules.holderOf(reservation)]),
    ],
    observe: (key, caches) => observeReservation(key, caches, rules),
    plan: (observed, nowMs) => planReservation(observed, rules, nowMs),
  });
}

function observeReservation<R extends Reservation, H extends KubeObject>(
  key: ObjectKey,
  caches: Caches,
  { kind, holders, holderOf }: ReservationRules<R, H>,
): Observed<R, H> | undefined {
  const reservation = caches.get(kind, key);
  if (!reservation) return undefined;
  const version = BigInt(reservation.metadata.resourceVersion ?? '0');
  const network = caches.get(kinds.networks, reservation.spec.network);
  const holder = caches.get(holders, holderOf(reservation));
  const { resourceVersion } = network ? caches.of(holders) : caches.of(kinds.networks);
  return { reservation, network, holder, isCertain: resourceVersion >= version };
}

function planReservation<R extends Reservation, H extends KubeObject>(
  { reservation, network, holder, isCertain }: Observed<R, H>,
  { kind, holds }: ReservationRules<R, H>,
  nowMs: number,
): Plan {
  const { deletionTimestamp, creationTimestamp = '' } = reservation.metadata;
  const isHeld = network !== undefined && holder !== undefined && holds(holder, reservation);
  if (isHeld || deletionTimestamp) return { steps: [], status: 'unchanged' };
  const ageMs = nowMs - Date.parse(creationTimestamp);
  if (!isCertain && !(ageMs > certainAfterMs)) return { steps: [], status: 'unchanged', again: { afterMs: againMs } };
  return { steps: [{ op: 'delete', kind, target: reservation }], status: 'unchanged' };
}
