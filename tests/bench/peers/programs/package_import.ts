/** Imports a package that only the cache folder of the peers contains, so that the type checker and the locks of the project do not need it.
 *
 * @param name of an installed package
 * @returns its exports, untyped */
export const importPackage = (name: string) => import(name);
