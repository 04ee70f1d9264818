// `npm run build`: compiles src/ to dist/ from nothing.
import { build, ensureInstalled } from './checkout.mjs';

ensureInstalled();
build();
