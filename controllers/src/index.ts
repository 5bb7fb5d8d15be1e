import type { Clock } from '@slipway/kit/clock';
import { allControllers, type ControllersConfig, controllerNames, isServed, unservedKinds } from './controllers.ts';
import { selectControllers } from './runtime/controller-selection.ts';
import { schedulerComponent } from './scheduler/component.ts';
import type { SchedulerConfiguration } from './scheduler/configuration/profile.ts';
import { type Component, type ControllerManager, createManager, type ManagerDeps } from './runtime/manager.ts';

export { controllerNames } from './controllers.ts';
export { SharedCaches } from './runtime/caches.ts';
export { UnknownControllerError } from './runtime/controller-selection.ts';
export type { Component, ControllerManager } from './runtime/manager.ts';
export {
  parseSchedulerConfiguration,
  SchedulerConfigurationError,
} from './scheduler/configuration/parse-configuration.ts';
export type { SchedulerConfiguration } from './scheduler/configuration/profile.ts';

export interface ControllerManagerOptions extends ManagerDeps {
  readonly config: ControllersConfig & {
    /** As of `--controllers`: `['*', '-deployment']`. All when not given. */
    readonly controllers?: readonly string[];
    /** Upstream's defaults when not given. */
    readonly scheduler?: SchedulerConfiguration;
  };
}

/**
 * All controllers over one transport. Throws `UnknownControllerError` for a name that there is not. When several
 * processes run the same controllers, run this within `runAsLeader` of `@slipway/client/leader-election`.
 */
export function createControllerManager({ config, ...deps }: ControllerManagerOptions): ControllerManager {
  const definitions = allControllers(config, deps.clock).filter((definition) => isServed(definition, config));
  // Long-lived parts beside the reconcilers, over the same caches.
  const components: readonly Component[] = [schedulerComponent(config.scheduler)];
  const selected = checkedSelection(config.controllers ?? ['*']);
  return createManager(
    definitions.filter(({ name }) => selected.has(name)),
    components.filter(({ name }) => selected.has(name)),
    deps,
  );
}

/**
 * Kinds that the server does not have and that controllers need which the selection names; those that a `*` means may be without. One line per
 * controller: `ecs-task: tasks.ecs.slipway.dev, ...`.
 */
export function missingKinds(
  config: ControllersConfig & { readonly controllers: readonly string[] },
  clock: Clock,
): readonly string[] {
  return allControllers(config, clock)
    .filter(({ name }) => config.controllers.includes(name))
    .map((definition) => ({ name: definition.name, kinds: unservedKinds(definition, config) }))
    .filter(({ kinds }) => kinds.length > 0)
    .map(({ name, kinds }) => `${name}: ${kinds.join(', ')}`);
}

/** The names that a list as of `--controllers` switches on. Throws `UnknownControllerError`, before anything runs. */
export function checkedSelection(selection: readonly string[]): ReadonlySet<string> {
  return selectControllers([...controllerNames, schedulerComponent().name], selection);
}
