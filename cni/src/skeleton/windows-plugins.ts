/** Types of plugins, and networks of other engines, that exist on Windows alone; `overlay` is one of ours as well. */
const windowsPlugins: readonly string[] = [
  'ics',
  'l2bridge',
  'l2tunnel',
  'nat',
  'sdnbridge',
  'sdnoverlay',
  'transparent',
  'win-bridge',
  'win-overlay',
];

export function isWindowsPlugin(type: string): boolean {
  return windowsPlugins.includes(type);
}
