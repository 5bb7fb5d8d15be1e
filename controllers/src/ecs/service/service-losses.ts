/** What a service says and has no effect here, told by the condition `FieldsWithoutEffect`. Pure. */
import type { Service, TaskCondition } from '@slipway/api/ecs/kinds';

export function effectOf({ spec }: Service): Omit<TaskCondition, 'lastTransitionTime'> {
  const { alarms, bakeTimeInMinutes } = spec.deploymentConfiguration ?? {};
  const connect = spec.serviceConnectConfiguration;
  const aliases = connect?.services ?? [];
  const lost: readonly (readonly [field: string, isThere: unknown, why: string])[] = [
    ['deploymentConfiguration.alarms', alarms?.enable, 'there are no CloudWatch alarms; use health checks'],
    ['deploymentConfiguration.bakeTimeInMinutes', bakeTimeInMinutes, 'a rolling update has no second revision to keep'],
    ['role', spec.role, 'load balancers need no role'],
    ['platformVersion', spec.platformVersion, 'nodes have the version that they have'],
    ['serviceConnectConfiguration.logConfiguration', connect?.logConfiguration, 'there is no proxy'],
    ['serviceConnectConfiguration.services.timeout', aliases.some(({ timeout }) => timeout), 'there is no proxy'],
    ['serviceConnectConfiguration.services.tls', aliases.some(({ tls }) => tls), 'there is no proxy'],
  ];
  const told = lost.filter(([, isThere]) => isThere).map(([field, , why]) => `${field}: ${why}`);
  const type = 'FieldsWithoutEffect';
  return told.length === 0
    ? { type, status: 'False', reason: 'AllFieldsCarried', message: '' }
    : { type, status: 'True', reason: 'NotCarried', message: told.join('; ') };
}
