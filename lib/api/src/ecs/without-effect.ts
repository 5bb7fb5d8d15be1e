/**
 * Fields of clusters, services and capacity providers that are kept, answered, and have no effect here, each with the reason. Whoever reads the object
 * finds them in its condition `FieldsWithoutEffect`; whoever writes it is warned.
 */
import type { CapacityProvider, Cluster } from './kinds.ts';

type Losses = readonly (readonly [field: string, isSet: unknown, why: string])[];

function told(losses: Losses): readonly string[] {
  return losses.filter(([, isSet]) => isSet).map(([field, , why]) => `${field}: ${why}`);
}

export function clusterLosses({ spec = {} }: Pick<Cluster, 'spec'>): readonly string[] {
  const { settings = [], configuration, serviceConnectDefaults } = spec;
  return told([
    [
      'settings',
      settings.some(({ name, value }) => name === 'containerInsights' && value !== 'disabled'),
      'containerInsights is a service of AWS; metrics are at /metrics',
    ],
    [
      'configuration.executeCommandConfiguration',
      configuration?.executeCommandConfiguration,
      'sessions are neither recorded nor encrypted with a key of their own',
    ],
    [
      'configuration.managedStorageConfiguration',
      configuration?.managedStorageConfiguration,
      'storage is not encrypted with a key of its own',
    ],
    ['serviceConnectDefaults', serviceConnectDefaults, "names of Service Connect are those of the cluster's namespace"],
  ]);
}

export function providerLosses({ spec = {} }: Pick<CapacityProvider, 'spec'>): readonly string[] {
  const { autoScalingGroupProvider } = spec;
  if (!autoScalingGroupProvider) return [];
  const { managedScaling, managedTerminationProtection, managedDraining } = autoScalingGroupProvider;
  const field = 'autoScalingGroupProvider';
  return told([
    [`${field}.autoScalingGroupArn`, true, 'nodes belong to a provider by their labels'],
    [`${field}.managedScaling`, managedScaling?.status === 'ENABLED', 'nodes are not scaled'],
    [
      `${field}.managedTerminationProtection`,
      managedTerminationProtection === 'ENABLED',
      'nodes are not scaled, so none is ended',
    ],
    [`${field}.managedDraining`, managedDraining === 'ENABLED', 'cordon or drain the node'],
  ]);
}
