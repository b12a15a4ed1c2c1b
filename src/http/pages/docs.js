// The Swagger UI of the contract.

// What its parts lack for those who do not see them.
const Named = () => ({
  wrapComponents: {
    // A link inside the button that folds an operation could be reached by no keyboard; the button changes the address as well.
    DeepLink: (Original, { React }) => (props) => React.createElement(Original, { ...props, enabled: false }),
    TextArea: (Original, { React }) => (props) => React.createElement(Original, { 'aria-label': 'Request body', ...props }),
    Input: (Original, { React }) => (props) =>
      React.createElement(Original, props.type === 'file' ? { 'aria-label': 'File to send', ...props } : props),
    Servers: (Original, { React }) => (props) => {
      const name = (frame) => frame?.querySelector('select')?.setAttribute('aria-label', 'Server');
      return React.createElement('div', { ref: name }, React.createElement(Original, props));
    },
  },
});

// It is dark where the reader's system is.
const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();

// `#/attachments/notifyUpload` names an operation. The page grows while it is unfolded, and scrolls by itself to where the operation was, so it is
// shown until it has stayed for a second, for three at most, or until the reader goes elsewhere.
function show() {
  const block = document.getElementById(`operations${location.hash.slice(1).replaceAll('/', '-')}`);
  if (!block) return;
  const reader = new AbortController();
  for (const kind of ['wheel', 'touchmove', 'keydown', 'pointerdown']) {
    addEventListener(kind, () => reader.abort(), { signal: reader.signal });
  }
  const began = performance.now();
  const stay = (since) => {
    const top = block.getBoundingClientRect().top;
    block.scrollIntoView();
    const moved = Math.abs(block.getBoundingClientRect().top - top) > 1;
    const now = performance.now();
    const from = moved ? now : since;
    if (!reader.signal.aborted && now - from < 1000 && now - began < 3000) requestAnimationFrame(() => stay(from));
    else reader.abort();
  };
  stay(began);
}
addEventListener('hashchange', show);

SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: 'full',
  persistAuthorization: true,
  tryItOutEnabled: true,
  // The badge would send the document's address to another host.
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [Named],
  onComplete: show,
});
