import { kinds } from '@slipway/client/kinds';
import type { Component } from '../runtime/manager.ts';
import { Scheduler, schedulerName } from './scheduler.ts';

/** The scheduler beside the controllers, over the same caches. */
export const schedulerComponent: Component = {
  name: 'scheduler',
  component: schedulerName,
  account: 'system:kube-scheduler',
  reads: [kinds.pods, kinds.nodes],
  run: ({ caches, client, events, clock, random, log }, signal) =>
    new Scheduler({
      pods: caches.of(kinds.pods),
      nodes: caches.of(kinds.nodes),
      client,
      recordEvent: (about, type, reason, message) => events.record({ about, type, reason, message }),
      clock,
      random,
      log,
    }).run(signal),
};
