/** `firsthand ban`: shuts an agent out. */
export { defineBan as define } from './bans.ts';
