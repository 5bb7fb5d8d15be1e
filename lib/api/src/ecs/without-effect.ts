/**
 * Fields that are kept, answered, and have no effect here, each with the reason: those that are seen from the field alone. Whoever reads the object finds
 * them in its condition `FieldsWithoutEffect`; whoever writes it is warned.
 */
import type { CapacityProvider, Cluster, Service, Task, TaskDefinition } from './kinds.ts';

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

type DefinitionFields = Pick<
  TaskDefinition['spec'],
  'executionRoleArn' | 'proxyConfiguration' | 'ephemeralStorage' | 'inferenceAccelerators' | 'enableFaultInjection'
>;

export function definitionLosses(definition: DefinitionFields): readonly string[] {
  return told([
    ['executionRoleArn', definition.executionRoleArn, 'images and secrets are fetched with the rights of the node'],
    ['proxyConfiguration', definition.proxyConfiguration, 'not carried'],
    ['ephemeralStorage', definition.ephemeralStorage, 'the disk of the node is shared'],
    ['inferenceAccelerators', definition.inferenceAccelerators?.length, 'not carried'],
    ['enableFaultInjection', definition.enableFaultInjection, 'not carried'],
  ]);
}

/** Of a task or a service. */
export function launchLosses({ networkConfiguration }: Pick<Task['spec'], 'networkConfiguration'>): readonly string[] {
  const { subnets = [], securityGroups, assignPublicIp } = networkConfiguration?.awsvpcConfiguration ?? {};
  return told([
    ['networkConfiguration.subnets', subnets.length > 1, `a task has one network, ${subnets[0]}`],
    ['networkConfiguration.securityGroups', securityGroups?.length, 'use NetworkPolicies'],
    ['networkConfiguration.assignPublicIp', assignPublicIp === 'ENABLED', 'not carried'],
  ]);
}

export function serviceLosses({ spec }: Pick<Service, 'spec'>): readonly string[] {
  const { role, platformVersion, deploymentConfiguration, serviceConnectConfiguration: connect } = spec;
  const { alarms, bakeTimeInMinutes } = deploymentConfiguration ?? {};
  const ports = connect?.services ?? [];
  const field = 'serviceConnectConfiguration';
  const why = 'there is no proxy before tasks';
  return [
    ...launchLosses(spec),
    ...told([
      ['role', role, 'load balancers need no role'],
      ['platformVersion', platformVersion, 'nodes have the version that they have'],
      ['deploymentConfiguration.alarms', alarms?.enable, 'there are no CloudWatch alarms; use health checks'],
      [
        'deploymentConfiguration.bakeTimeInMinutes',
        bakeTimeInMinutes,
        'a rolling update has no second revision to keep',
      ],
      [`${field}.services.tls`, ports.some(({ tls }) => tls), why],
      [`${field}.services.timeout`, ports.some(({ timeout }) => timeout), why],
      [`${field}.services.ingressPortOverride`, ports.some((port) => port.ingressPortOverride), why],
      [`${field}.logConfiguration`, connect?.logConfiguration, why],
      [`${field}.accessLogConfiguration`, connect?.accessLogConfiguration, why],
    ]),
  ];
}
