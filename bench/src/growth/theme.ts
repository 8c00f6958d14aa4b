/** Colours of a picture by what they are for, on a light page. */
export const colours = {
  background: '#ffffff',
  text: '#24292f',
  faint: '#d8dee4',
  first: '#0969da',
  second: '#bc4c00',
  third: '#1a7f37',
  fourth: '#8250df',
} as const

/** The same on a dark page. */
const dark: Readonly<Record<keyof typeof colours, string>> = {
  background: '#0d1117',
  text: '#c9d1d9',
  faint: '#30363d',
  first: '#58a6ff',
  second: '#f0883e',
  third: '#3fb950',
  fourth: '#bc8cff',
}

/**
 * Lets an SVG follow its reader's theme: a style sheet inside of it says, for dark, what each of
 * {@link colours} turns into. Its rules win over the attributes that the chart's renderer writes.
 */
export function byTheme(svg: string): string {
  const rules = Object.entries(colours).flatMap(([name, light]) =>
    ['fill', 'stroke'].map(
      (attribute) =>
        `[${attribute}="${light}"]{${attribute}:${dark[name as keyof typeof colours]}}`,
    ),
  )
  const style = `<style>@media (prefers-color-scheme:dark){${rules.join('')}}</style>`
  return svg.replace(/^<svg[^>]*>/, (start) => `${start}\n${style}`)
}
