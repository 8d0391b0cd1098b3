"""What `streamlit run labeling_app/app.py` starts: the pages and the images' route."""

import sys
from pathlib import Path

from streamlit.starlette import App

# From a clone the package need not be installed: its folder's parent is enough.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from labeling_app.images import image_route
from labeling_app.settings import workspace_root

app = App("main.py", routes=[image_route(lambda: workspace_root(sys.argv[1:]))])
