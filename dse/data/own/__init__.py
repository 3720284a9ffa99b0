"""The images of users: folders by class, .npz files, folders of idx files."""
