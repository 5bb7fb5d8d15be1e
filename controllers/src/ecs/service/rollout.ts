/**
 * The arithmetic of a rolling update, knowing no API. Tasks that are up never become fewer than the minimum by what is stopped here, and all that
 * have not ended yet, those on their way out too, never more than the maximum.
 *
 * Source: Amazon ECS API reference, DeploymentConfiguration: the minimum rounds up, the maximum down.
 */
export interface Tally {
  /** Not up yet. */
  readonly pending: number;
  /** Up, and as healthy as it takes to count. */
  readonly healthy: number;
  readonly unhealthy: number;
}

export interface RolloutInput {
  readonly desired: number;
  readonly minimumHealthyPercent: number;
  readonly maximumPercent: number;
  /** Tasks of the deployment that shall be. */
  readonly primary: Tally;
  /** Tasks of those before it. */
  readonly old: Tally;
  /** Tasks of either that are on their way out. */
  readonly stopping: number;
}

export interface RolloutStep {
  readonly start: number;
  readonly stopPrimary: Tally;
  readonly stopOld: Tally;
}

export interface Bounds {
  readonly lower: number;
  readonly upper: number;
}

export function boundsOf({
  desired,
  minimumHealthyPercent: least,
  maximumPercent: most,
}: Pick<RolloutInput, 'desired' | 'minimumHealthyPercent' | 'maximumPercent'>): Bounds {
  return { lower: Math.ceil((desired * least) / 100), upper: Math.floor((desired * most) / 100) };
}

export function rolloutStep(input: RolloutInput): RolloutStep {
  const { desired, primary, old, stopping } = input;
  const { lower, upper } = boundsOf(input);
  const good = primary.pending + primary.healthy;
  const room = Math.max(0, upper - total(primary) - total(old) - stopping);
  const missing = Math.max(0, desired - good);
  const start = Math.min(missing, room);
  const surplus = Math.max(0, good - desired);
  const surplusPending = Math.min(surplus, primary.pending);
  const surplusHealthy = surplus - surplusPending;
  // An unhealthy one goes when its successor is there, or when there is no room to start that beside it.
  const stopUnhealthy = missing === 0 ? primary.unhealthy : Math.min(primary.unhealthy, missing - start);
  return {
    start,
    stopPrimary: { pending: surplusPending, healthy: surplusHealthy, unhealthy: stopUnhealthy },
    stopOld: {
      pending: old.pending,
      unhealthy: old.unhealthy,
      healthy: oldToStop(input, lower, missing - start, surplusHealthy),
    },
  };
}

/** As many as others stand in for, and as many as must make room, while enough stay up. */
function oldToStop({ desired, primary, old }: RolloutInput, lower: number, short: number, surplus: number): number {
  const healthy = primary.healthy + old.healthy - surplus;
  const spare = Math.max(0, healthy - lower);
  const madeRoom = old.pending + old.unhealthy;
  const wanted = Math.max(healthy - desired, short - madeRoom, 0);
  return Math.min(old.healthy, spare, wanted);
}

function total({ pending, healthy, unhealthy }: Tally): number {
  return pending + healthy + unhealthy;
}
