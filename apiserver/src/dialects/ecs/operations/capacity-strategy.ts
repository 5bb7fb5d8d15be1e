import { nameFrom } from '../identity/arns.ts';
import { objectName } from '../identity/object-names.ts';
import type { CapacityProviderObject } from '../kinds.ts';
import type { CapacityProviderStrategyItem } from '../model/generated/types.ts';
import { invalidParameter } from '../wire/ecs-error.ts';
import type { OperationContext } from './context.ts';

/** Providers that every account has. */
export const fargateProviders: readonly string[] = ['FARGATE', 'FARGATE_SPOT'];
const strategyItemsMax = 20;

export function providerNameOf({ metadata, spec }: CapacityProviderObject): string {
  return spec.name ?? metadata.name ?? '';
}

export function findProvider(
  reference: string,
  { objects }: Pick<OperationContext, 'objects'>,
): CapacityProviderObject | undefined {
  const name = nameFrom('capacity-provider', reference);
  const found = objects.resolve<CapacityProviderObject>('CapacityProvider', {
    name: objectName('capacityProvider', name),
  });
  return found && providerNameOf(found) === name ? found : undefined;
}

/** The names of providers that exist. Throws EcsError InvalidParameterException. */
export function checkProviders(references: readonly string[], context: OperationContext): readonly string[] {
  return references.map((reference) => {
    const name = nameFrom('capacity-provider', reference);
    if (fargateProviders.includes(name) || findProvider(name, context)) return name;
    throw invalidParameter(
      `The specified capacity provider '${name}' was not found. Specify a valid name or ARN and try again.`,
    );
  });
}

/** Throws EcsError InvalidParameterException. */
export function checkStrategy(strategy: readonly CapacityProviderStrategyItem[]): void {
  if (strategy.length > strategyItemsMax) {
    throw invalidParameter(
      `A capacity provider strategy can contain a maximum of ${strategyItemsMax} capacity providers.`,
    );
  }
  if (strategy.filter(({ base = 0 }) => base > 0).length > 1) {
    throw invalidParameter('Only one capacity provider in a capacity provider strategy can have a base defined.');
  }
  if (strategy.length > 0 && strategy.every(({ weight = 0 }) => weight === 0) && strategy.length > 1) {
    throw invalidParameter('At least one capacity provider in a strategy must have a weight greater than zero.');
  }
}

/** Which provider each of so many tasks goes to: the base first, then in proportion to the weights. */
export function providersFor(strategy: readonly CapacityProviderStrategyItem[], count: number): readonly string[] {
  const chosen: string[] = [];
  const based = strategy.find(({ base = 0 }) => base > 0);
  while (based && chosen.length < Math.min(based.base ?? 0, count)) chosen.push(based.capacityProvider);
  // A strategy of one provider needs no weight.
  const weighted = strategy.map((item) => ({ ...item, weight: item.weight ?? (strategy.length === 1 ? 1 : 0) }));
  const usable = weighted.filter(({ weight }) => weight > 0);
  const given = new Map<string, number>();
  while (usable.length > 0 && chosen.length < count) {
    const share = (item: (typeof usable)[number]) => ((given.get(item.capacityProvider) ?? 0) + 1) / item.weight;
    const next = usable.reduce((best, item) => (share(item) < share(best) ? item : best));
    given.set(next.capacityProvider, (given.get(next.capacityProvider) ?? 0) + 1);
    chosen.push(next.capacityProvider);
  }
  while (chosen.length < count) chosen.push(strategy[0]?.capacityProvider ?? '');
  return chosen;
}
