import type { AdvertisedResource } from './advertised-resource.ts';
import { createDiscovery, type Discovery, type DiscoveryOptions, type LargeDocuments } from './create-discovery.ts';

export interface LiveDiscovery extends Discovery {
  /** The resources are others now: the next document is made of those. */
  changed(): void;
}

/** Discovery of resources that come and go. Documents that a change does not touch are kept. */
export function liveDiscovery(
  resources: () => readonly AdvertisedResource[],
  options: DiscoveryOptions,
): LiveDiscovery {
  const large: LargeDocuments = new Map();
  let current: Discovery | undefined;
  const now = (): Discovery => {
    current ??= createDiscovery(resources(), options, large);
    return current;
  };
  return {
    changed() {
      current = undefined;
    },
    apiVersions: () => now().apiVersions(),
    groupList: () => now().groupList(),
    group: (name) => now().group(name),
    resourceList: (group, version) => now().resourceList(group, version),
    aggregated: (scope, version) => now().aggregated(scope, version),
    openApiV2: (form) => now().openApiV2(form),
    openApiV3Index: () => now().openApiV3Index(),
    openApiV3: (group, version) => now().openApiV3(group, version),
  };
}
