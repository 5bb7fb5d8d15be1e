import type { Host } from '../../host/host.ts';
import type { CniRequest } from '../../skeleton/plugin.ts';
import type { CniResult } from '../../spec/types.ts';
import { checkContainerLink, checkFailed } from '../container-link/check-container-link.ts';
import { hostInterfaceName } from '../names.ts';
import type { BridgeConfig } from './bridge-config.ts';
import { showBridge } from './ensure-bridge.ts';

/** The bridge, the port and the container's end of the pair. */
export async function checkBridge(request: CniRequest<BridgeConfig>, previous: CniResult, host: Host): Promise<void> {
  const { config, signal } = request;
  if (!(await showBridge(config.bridge, host, { signal }))) throw checkFailed(`bridge ${config.bridge} is missing`);
  const hostInterface = hostInterfaceName(request.containerId, request.ifName);
  const [shownHost] = await host.ipShow(['link', 'show', 'dev', hostInterface], { signal });
  if (!shownHost) throw checkFailed(`host interface ${hostInterface} is missing`);
  if (shownHost.master !== config.bridge) throw checkFailed(`${hostInterface} is not attached to ${config.bridge}`);
  if (!config.disableContainerInterface) {
    await checkContainerLink(request, previous, host);
    return;
  }
  const [shown] = await host.ipShow(['link', 'show', 'dev', request.ifName], { netns: request.netns, signal });
  if (!shown) throw checkFailed(`container interface ${request.ifName} is missing`);
}
